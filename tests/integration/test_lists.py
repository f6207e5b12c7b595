"""Lists that are read while people act: nothing is lost, nothing comes twice, and each takes its own cursors alone."""

import base64

import pytest

from interlock import Action, ask
from interlock.domain.request import Status
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.errors import Forbidden, InvalidValue
from interlock.service.pages import PAGE
from interlock.testing.people import principal

CONFIG = """\
groups: {managers: [mia, noah]}
policies:
  all:
    applies_to: "true"
    initiator_may_approve: true
    levels:
      - steps: [{ask: [group:managers], approvals: 2, within: 2d}]
"""


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def story(request, make_story, tmp_path):
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    return make_story(request.param, tmp_path / "interlock.yaml", "ian")


@pytest.fixture
def client(story):
    return story.system.client(principal("mia"))


async def asks(story, number):
    """Start one run that asks so many things at once; return the ids of its requests."""

    def node(index):
        def pays(state):
            ask(Action("pay", {"amount": index}))

        pays.__name__ = f"pays_{index}"
        return pays

    run = await story.go(story.fan(*map(node, range(number))))
    return {request.id for request in await story.open(run)}


async def pages(read, act=None):
    """Read a list page by page, and act on the last row of each; return the ids of all rows."""
    ids, after = [], None
    while True:
        page = await read(after)
        rows = [getattr(row, "request", row) for row in page.rows]
        ids += [row.id for row in rows]
        after = page.next
        if after is None:
            return ids
        if act is not None and len(ids) <= 7:
            await act(rows[-1])


async def test_whoever_gives_each_request_more_time_sees_each_once(story, client):
    ids = await asks(story, PAGE + 5)
    seen = []
    async for request in client.requests():
        seen.append(request.id)
        await client.extend(request.id, "1h", reason="wait")
    assert (len(seen), set(seen)) == (len(ids), ids)


@pytest.mark.parametrize("which", ["mine", "list"])
async def test_more_time_for_the_last_row_of_a_page_hides_nothing(story, client, which):
    ids = await asks(story, 7)

    async def read(after):
        return await (
            client.inbox("mine", after=after, limit=2)
            if which == "mine"
            else client.list_requests(after=after, limit=2)
        )

    async def extend(request):
        await client.extend(request.id, "1h", reason="wait")

    assert set(await pages(read, extend)) == ids


async def test_acting_on_the_last_row_of_a_page_shows_nothing_twice(story, client):
    ids = await asks(story, 5)
    for key in sorted(ids):
        story.clock.advance(seconds=1)
        await client.approve(key, digest=None)
    acted = []

    async def act(request):
        if not acted:
            story.clock.advance(seconds=1)
            acted.append(await client.reject(request.id, digest=None))

    found = await pages(lambda after: client.inbox("decided", after=after, limit=2), act)
    assert (acted[0].status, sorted(found)) == (Status.rejected, sorted(ids))


async def test_a_list_takes_the_cursors_of_the_same_list_alone(story, client):
    await asks(story, 3)
    await story.go(story.chain(does_nothing))
    noah = story.system.client(principal("noah"))
    other = story.system.client(principal("mia", tenant="other"))
    cursor = (await client.inbox("mine", limit=1)).next
    listed = (await client.list_requests(limit=1)).next
    runs = (await client.list_runs(limit=1)).next
    assert None not in {cursor, listed, runs}
    assert len((await client.inbox("mine", after=cursor)).rows) == 2
    assert len((await story.system.client(principal("MIA")).inbox("mine", after=cursor)).rows) == 2
    for refused in (
        noah.inbox("mine", after=cursor),
        other.inbox("mine", after=cursor),
        client.inbox("others", after=cursor),
        client.inbox("mine", agent="payer", after=cursor),
        client.list_requests(after=cursor),
        client.inbox("mine", after=listed),
        client.list_requests(RequestFilter(()), after=listed),
        client.list_requests(RequestFilter(agent="payer"), after=listed),
        client.list_requests(RequestFilter(run_id="run_1"), after=listed),
        other.list_requests(after=listed),
        client.list_runs((RunStatus.queued,), after=runs),
        client.list_threads(after=runs),
        client.inbox("others", after=base64.b64encode(b"others:req_nope").decode()),
        client.list_requests(after="a\0b"),
    ):
        with pytest.raises(InvalidValue, match="is not a cursor of the list"):
            await refused


def does_nothing(state):
    return {"out": ["done"]}


@pytest.mark.parametrize("limit", [0, -1, 1.5, None, True, "2"])
async def test_a_limit_is_a_whole_number(client, limit):
    for read in (client.list_requests, client.list_runs, client.list_threads, lambda **by: client.inbox("mine", **by)):
        with pytest.raises(InvalidValue, match="limit: must be a whole number of at least 1"):
            await read(limit=limit)


async def test_an_inbox_has_three_lists(client):
    for refused in (client.inbox("all"), client.inbox_count("all")):
        with pytest.raises(InvalidValue, match="which: is one of mine, snoozed, others, decided"):
            await refused


@pytest.mark.parametrize("kind", ["agent", "service"])
async def test_nothing_waits_for_whoever_is_no_person(story, client, kind):
    (key,) = await asks(story, 1)
    other = story.system.client(principal("mia", kind))
    with pytest.raises(Forbidden, match="only people vote"):
        await other.approve(key, digest=None)
    assert len((await client.inbox("mine")).rows) == 1
    assert (await other.inbox("mine")).rows == ()
    assert (await other.inbox_count("mine")).number == 0
    assert [row.excluded for row in (await other.inbox("others")).rows] == ["only people vote"]
    assert (await client.request(key)).excluded is None
    assert (await other.request(key)).excluded == "only people vote"
