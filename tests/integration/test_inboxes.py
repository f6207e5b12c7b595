"""What the inbox of one person is found by: held against the log."""

import json

import pytest

from interlock import Action, ask
from interlock.domain.inbox import entries_of
from interlock.engine.audit import audit_record
from interlock.engine.ports.store import RequestFilter
from interlock.engine.repair import repair
from interlock.testing.people import principal

CONFIG = """\
groups: {managers: [mia, noah], directors: [olga]}
roles: {finance: [fay]}
policies:
  all:
    applies_to: "true"
    initiator_may_approve: true
    levels:
      - steps:
          - {ask: [group:managers, "person:Zoë", role:finance], approvals: 2, within: 2d}
          - {ask: [group:directors], within: 2d}
"""


@pytest.fixture(params=["sqlite", "postgres"])
def story(request, make_story, tmp_path):
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    return make_story(request.param, tmp_path / "interlock.yaml", "ian")


@pytest.fixture
def door(story, backdoor):
    return backdoor(story.address)


def pays(state):
    ask(Action("pay", {"amount": 5}))


async def asked(story):
    """Start two runs; of one request mia has approved, the other has been edited and approved by two people."""
    first, second = [await story.go(story.chain(pays)) for _ in range(2)]
    one = await story.vote(await story.asked(first), who="mia")
    two = await story.vote(await story.asked(second), "edit", who="noah", subject=Action("pay", {"amount": 6}))
    return one.id, (await story.vote(two, who="Zoë")).id


ADD = "INSERT INTO participants (tenant, request_id, person, at)"


def stored(door):
    return {
        table: sorted(door.sql(f"SELECT {columns} FROM {table}"))
        for table, columns in (
            ("requests", "id, asks, coalesce(ended, ''), coalesce(decided_at, 0), level"),
            ("participants", "tenant, request_id, person, at, verdict, waited"),
        )
    }


async def found(store, directory, person, at):
    mine = RequestFilter(asks=entries_of(directory, directory.canonical(person), at))
    acted = RequestFilter((), people=(directory.canonical(person),))
    return [[request.id for request in await store.requests("default", wanted)] for wanted in (mine, acted)]


async def test_each_person_finds_what_asks_them_and_what_they_have_acted_on(story, clock):
    one, two = await asked(story)
    directory = story.system.policies.current().directory
    assert await audit_record(story.store) == []
    people = ("mia", "noah", "ZOË", "fay", "olga")
    assert [await found(story.store, directory, person, clock.at) for person in people] == [
        [[one], [one]],
        [[one], [two]],
        [[one], [two]],
        [[one], []],
        [[two], []],
    ]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM participants WHERE person = 'mia'",
        "UPDATE participants SET person = 'olga' WHERE person = 'mia'",
        "UPDATE participants SET at = at + 1 WHERE person = 'mia'",
        f"{ADD} SELECT tenant, request_id, 'olga', at FROM participants WHERE person = 'mia'",
        f"{ADD} SELECT tenant, 'req_made_up', person, at FROM participants WHERE person = 'mia'",
        f"{ADD} SELECT 'other', request_id, person, at FROM participants WHERE person = 'mia'",
        "UPDATE participants SET verdict = 'reject' WHERE person = 'mia'",
        "UPDATE participants SET waited = waited + 1 WHERE person = 'mia'",
        "UPDATE participants SET verdict = 'nonsense' WHERE person = 'mia'",
        "UPDATE requests SET ended = 'rejected', decided_at = 5 WHERE status = 'open'",
        "UPDATE requests SET level = 'payments: other' WHERE status = 'open'",
        "UPDATE requests SET asks = NULL WHERE status = 'open'",
        "UPDATE requests SET asks = 'nobody' WHERE status = 'open'",
    ],
)
async def test_what_an_inbox_is_found_by_is_compared_with_the_log_and_written_anew(story, door, statement):
    await asked(story)
    before = stored(door)
    door.sql(statement)
    assert await audit_record(story.store) != []
    repaired, refused = await repair(story.store, story.system.desk, story.me)
    assert (bool(repaired), refused, stored(door)) == (True, [], before)
    assert await audit_record(story.store) == []


async def test_a_row_that_is_gone_comes_back_with_who_has_voted_on_it(story, door):
    one, _ = await asked(story)
    before = stored(door)
    door.sql("DELETE FROM requests WHERE id = ?", one)
    await repair(story.store, story.system.desk, story.me)
    assert stored(door) == before
    assert json.loads(bytes(door.sql("SELECT body FROM requests WHERE id = ?", one)[0][0]))["id"] == one


async def test_a_request_whose_policy_is_gone_waits_for_others_and_hides_nothing(story, door):
    one, two = await asked(story)
    three = (await story.asked(await story.go(story.chain(pays)))).id
    door.sql("UPDATE policies SET body = ?", b"{}")
    story.system.pinned_policies._known.clear()
    client = story.system.client(principal("fay"))
    assert (await client.inbox("mine")).rows == ()
    rows = (await client.inbox("others")).rows
    assert {row.request.id for row in rows} == {one, two, three}
    assert all("is not in the store as it was written" in row.excluded for row in rows)
