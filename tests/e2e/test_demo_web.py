"""`interlock demo --web`: an installation with its past, decided on in a browser's way, stopped and gone on with."""

import contextlib
import re

import httpx2
import pytest
from tests.server.page_forms import form_of

from interlock.domain.action import Kind
from interlock.domain.request import Status
from interlock.domain.run import RunStatus

MIA, PETE, OLGA = "mia@example.com", "pete@example.com", "olga@example.com"
LINK = re.compile(r"(http://[\w.:]+)/sign-in#(ill_[\w-]+)")


class Shown:
    """The demo at a terminal."""

    def __init__(self, command, *more):
        self.child = command.spawn("demo", "--web", "--port", "0", *more, columns=120)
        self.child.expect("Ctrl-C stops the demo")
        said = self.child.before
        self.origin = LINK.search(said)[1]
        self.browsers = contextlib.ExitStack()
        self.links = {person: LINK.search(said.partition(person)[2])[2] for person in (MIA, PETE, OLGA)}

    def browser(self, person):
        there = {"base_url": self.origin, "headers": {"Origin": self.origin}, "timeout": 60}
        browser = self.browsers.enter_context(httpx2.Client(**there))
        assert browser.post("/sign-in", data={"link": self.links[person]}).status_code < 400
        return browser

    def stop(self, command):
        self.browsers.close()
        self.child.sendintr()
        assert command.ended(self.child) == 0


@pytest.fixture
def demo(command):
    """Return the demo, made where an earlier one was ended while it was made."""
    (command.folder / "demo-web").mkdir()
    (command.folder / "demo-web" / "interlock.db.new").write_bytes(b"half of it")
    shown = Shown(command)
    yield shown
    shown.browsers.close()


def listed(browser, path, name, **wanted):
    found, after = [], ""
    while after is not None:
        page = browser.get(
            f"/api/v1/{path}", params={"limit": 100, **wanted} | ({"after": after} if after else {})
        ).json()
        found, after = [*found, *page[name]], page.get("next")
    return found


def executed(browser, request_id):
    found = browser.get(f"/api/v1/requests/{request_id}").json()
    return found if found["effect"]["state"] == "executed" else None


def check_what_there_is(demo):
    olga = demo.browser(OLGA)
    ended = [status for status in Status if status is not Status.open]
    requests = listed(olga, "requests", "requests", status=ended)
    assert {"approved", "rejected", "expired", "revised"} <= {one["status"] for one in requests}
    assert any(one["effect"]["state"] == "unknown" for one in requests)
    waiting = listed(olga, "requests", "requests")
    assert any(one["held_until"] for one in waiting)
    runs = listed(olga, "runs", "runs")
    assert {RunStatus.paused, RunStatus.needs_attention} <= {one["status"] for one in runs}
    trip = next(one["id"] for one in runs if one["agent"] == "trip" and one["status"] == "paused")
    assert sum(one["run"] == trip for one in waiting) == 3
    for_finance = listed(demo.browser(PETE), "requests/inbox/mine", "requests")
    assert [one["counted"] for one in for_finance if one["policy"]["step"]] == [[{"step": 0, "voter": MIA}]]


def test_somebody_decides_in_it_and_it_goes_on_where_it_stopped(command, demo):
    check_what_there_is(demo)
    mia = demo.browser(MIA)
    mine = listed(mia, "requests/inbox/mine", "requests")
    assert {one["kind"] for one in mine} == set(Kind)
    assert len(mine) >= 12
    refund = next(one for one in mine if one["stands"].get("name") == "refund")
    page = mia.get(f"/requests/{refund['id']}")
    assert (page.status_code, "SO-51" in page.text) == (200, True)
    bar = re.search(r'id="(bar-[^"]+)" method="post" action="([^"]+)"', page.text)
    decided = mia.post(bar[2], data=dict(form_of(page.text, bar[1])) | {"verdict": "approve"}, follow_redirects=True)
    assert "<strong>Approved" in decided.text
    done = command.until(lambda: executed(mia, refund["id"]), "the agent carries it out")
    assert done["effect"]["result"]["receipt"].startswith("R-")
    demo.stop(command)
    again = Shown(command)
    assert executed(again.browser(MIA), refund["id"])
    again.stop(command)
    shown = command.json("-c", "demo-web/interlock.yaml", "sessions", "link", "--as", PETE)
    assert "/sign-in#ill_" in shown["sign_in"]
