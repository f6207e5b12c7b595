"""Policies are read by whoever sees requests, tried by who may, and what is held back is told to those."""

from http import HTTPStatus

import pytest
from tests.server.conftest import CONFIG

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
LEVELS = """
  refunds:
    applies_to: action.name == "refund"
    facts: {amount: {from: args.amount, type: decimal}}
    levels:
      - {name: small, when: amount < 10, approve: automatically}
      - {name: rest, steps: [{ask: [group:managers], within: 2h}]}
"""
WITH_LEVELS = CONFIG.replace("policies:\n", f"policies:{LEVELS}", 1)


async def opened(person, **params):
    answer = await person.get("../../policies", params=params)
    assert answer.status_code == HTTPStatus.OK
    return answer.text


async def tried(person, **form):
    return await person.post("../../policies/try", data=form)


async def test_each_policy_is_read_with_its_levels_and_steps(open_server):
    page = await opened(await open_server(config=WITH_LEVELS).person(MIA))
    for said in (
        "refunds", "action.name == &#34;refund&#34;", "small", "amount &lt; 10", "nobody is asked",
        "Asks the group managers: 1 approval is needed", "There is time for 2 hours", "whatever no other policy",
    ):  # fmt: skip
        assert said in page, said
    assert "Try an action" not in page  # a reviewer examines nothing


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"action": "refund", "args": '{"amount": "3"}'}, ("approved by the rule", "small", "amount &lt; 10")),
        ({"action": "refund", "args": '{"amount": "30"}'}, ("rest", MIA, NOAH, "2 Nov 2026, 11:00 UTC")),
        ({"action": "refund", "args": "amount: 3\nreason: arrived: broken"}, ("approved by the rule", "small")),
        ({"action": "refund", "args": 'amount: "30"'}, ("rest", MIA)),
        ({"action": "refund", "args": ""}, ("rest", "the last level, because")),
        ({"action": "pay", "initiator": MIA}, ("payments", "Step 1 asks", "Step 2 asks", "Not mia@example.com")),
        ({"action": "other", "policy": "refunds"}, ("refunds",)),
        ({"action": "<b>x</b>"}, ("&lt;b&gt;x&lt;/b&gt;", "default")),
    ],
)
async def test_an_action_is_tried_and_nothing_is_asked(open_server, form, said):
    server = open_server(config=WITH_LEVELS)
    answer = await tried(await server.person(NOAH), **form)
    assert answer.status_code == HTTPStatus.OK
    result = answer.text.partition('id="result"')[2].partition("</section>")[0]
    for words in said:
        assert words in result, words
    assert await server.system.store.last_position("default") == ""


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"action": "pay", "args": "[1]"}, "must be a JSON object"),
        ({"action": "pay", "args": '{"a": '}, "cannot be read as JSON"),
        ({"action": "pay", "args": "amount 3"}, "one a line"),
        ({"action": ""}, "name"),
        ({"action": "pay", "policy": "none"}, "none"),
    ],
)
async def test_what_cannot_be_tried_stands_there_again_with_the_reason(server, form, said):
    answer = await tried(await server.person(NOAH), **form)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert said in answer.text.partition('id="error"')[2].partition("</div>")[0]
    assert form.get("args", "").replace('"', "&#34;") in answer.text


async def test_nobody_is_called_absent_who_has_signed_in_by_a_link(server):
    noah = await server.person(NOAH)
    absent = "has an account or is signed in"
    found = await opened(noah, check=1)
    assert (absent in found, "payments, level 1, step 2" in found) == (True, True)
    await server.person(OLGA)
    assert absent not in await opened(noah, check=1)


async def test_mistakes_are_looked_for_when_somebody_asks(open_server):
    server = open_server(config=CONFIG.replace("group:directors]}]", "group:directors], approvals: 5}]"))
    noah = await server.person(NOAH)
    assert "Cannot work" not in await opened(noah)
    assert "Cannot work" in await opened(noah, check=1)


async def test_who_may_examine_is_told_what_of_the_configuration_cannot_be_used(server, tmp_path):
    (tmp_path / "interlock.yaml").write_text("policies: {<b>broken")
    noah, mia = await server.person(NOAH), await server.person(MIA)
    page = await opened(noah)
    assert "What is configured now cannot be used" in page
    assert "<b>broken" not in page
    assert "payments" in page  # the last good ones hold
    assert "cannot be used" not in await opened(mia)


async def test_reviewers_try_nothing_and_strangers_read_nothing(server):
    assert (await tried(await server.person(MIA), action="pay")).status_code == HTTPStatus.FORBIDDEN
    stranger = await server.person("stranger@example.com")
    assert (await stranger.get("../../policies")).status_code == HTTPStatus.FORBIDDEN
