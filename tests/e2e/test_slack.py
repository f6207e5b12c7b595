"""`interlock serve` shows cards in a room of Slack, and takes the decision that comes back."""

import re
import time

import httpx2
from tests.channels.slack_room import words

from interlock.bootstrap import local_person
from interlock.testing.slack import FakeSlack, press, serving

CONFIG = """
roles: {{reviewer: ["{me}"]}}
default: {{levels: [{{steps: [{{ask: [role:reviewer]}}]}}], initiator_may_approve: true}}
channels:
  ops: {{type: slack, room: C0OPS, token: {{env: SLACK_TOKEN}}, signing_secret: {{env: SLACK_SECRET}}, api: "{api}"}}
"""


def until(wanted, what):
    """Wait until something holds, and return it."""
    ends = time.monotonic() + 60
    while not (found := wanted()):
        assert time.monotonic() < ends, what
        time.sleep(0.02)
    return found


def test_a_card_is_shown_decided_on_by_its_button_and_says_what_was_done(command):
    slack = FakeSlack()
    with serving(slack) as api:
        command.environ |= {"SLACK_TOKEN": "xoxb-1", "SLACK_SECRET": slack.secret}
        (command.folder / "interlock.yaml").write_text(CONFIG.format(api=api, me=local_person()))
        process = command.spawn("serve", "--port", "0", columns=200)
        process.expect(r"Serving on (http://[\d.]+:\d+)\.\s")
        origin = process.match.group(1)
        process.expect(rf"({re.escape(origin)}/sign-in#\S+)\s")
        secret = process.match.group(1).partition("#")[2]
        command.run("run", command.agent("payer"), "a book", "--detach")
        card = until(slack.cards, "there is no card")[0]

        def said(at):
            body, headers = slack.signed(press(card, "approve", "UME", at=at), int(time.time()))
            answer = httpx2.post(f"{origin}/slack/ops", content=body, headers=headers)
            assert answer.status_code == 200, answer.text

        said("1700000100.000001")
        (told,) = until(lambda: slack.ephemeral, "nobody was told where to sign in")
        address = told["blocks"][1]["elements"][0]["url"]
        with httpx2.Client(base_url=origin, headers={"Origin": origin}) as browser:
            assert browser.post("/sign-in", data={"link": secret}).status_code == 303
            assert "Is this account yours?" in browser.get(address).text
            given = {"code": address.partition("code=")[2], "mine": "yes"}
            assert browser.post("/account/chats/link", data=given).status_code == 303
        said("1700000200.000001")
        until(lambda: "Done." in words(card.content["blocks"]), words(card.content["blocks"]))
        shown = words(card.content["blocks"])
        assert f"{local_person()} approved in Slack" in shown
        process.sendintr()
        assert command.ended(process) == 0
