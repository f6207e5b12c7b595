"""Pages of runs: who sees which, what is told of each, and what may be done about it."""

from http import HTTPStatus

from tests.server.test_agents_api import PAY, ask

MIA, NOAH, RUTH = "mia@example.com", "noah@example.com", "ruth@example.com"
MAIL = "Send email to team about meeting"
EVIL = "<script>alert(1)</script>\u202egnp.exe"


async def get(person, path, **params):
    return await person.get(f"../..{path}", params=params)


async def post(person, path, **form):
    return await person.post(f"../..{path}", data=form or {"": ""})


async def started(person, **body):
    answer = await person.post("/runs", json={"agent": "approval", "input": MAIL, **body})
    assert answer.status_code == HTTPStatus.CREATED, answer.text
    return answer.json()["id"]


async def test_a_run_is_found_by_each_filter_and_shown_with_its_timeline(server):
    mia = await server.person(MIA)
    run = await started(mia, thread="orders/2026 & more")
    await server.drain()
    other = await started(await server.person(RUTH), agent="input", input="Book a flight")
    for given, found in (
        ({"agent": "approval"}, True), ({"agent": "input"}, False), ({"status": "paused"}, True),
        ({"status": "done"}, False), ({"by": MIA.upper()}, True), ({"by": RUTH}, False), ({"status": "no such"}, False),
        ({"thread": "orders/2026 & more"}, True), ({"reference": "none"}, False), ({"agent": " ", "status": ""}, True),
    ):  # fmt: skip
        page = await get(mia, "/runs", **given)
        assert page.status_code == HTTPStatus.OK
        assert (f"/runs/{run}" in page.text) is found, given
    page = (await get(mia, f"/runs/{run}")).text
    for said in ("Waits for people", "It waits for a decision", "mia@example.com started approval", MAIL, "/requests/"):
        assert said in page
    assert f"/runs/{other}" not in page
    assert "advances it" not in page
    assert "advances it" in (await get(mia, f"/runs/{run}", all=1)).text


async def test_runs_are_read_in_pages_and_by_what_they_have_asked_about(server, monkeypatch):
    monkeypatch.setattr("interlock.web.pages.runs.ROWS", 2)
    mia = await server.person(MIA)
    runs = [await started(mia) for _ in range(3)]
    seen, path = [], "/runs"
    while path:
        page = (await get(mia, path)).text if "?" not in path else (await mia.get(f"../..{path}")).text
        seen += [run for run in runs if f'id="{run}"' in page]
        path = page.partition('<p class="more"><a class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert sorted(seen) == sorted(runs)


async def test_people_without_a_role_see_what_they_have_started_and_other_tenants_nothing(server):
    run = await started(await server.person(MIA))
    for stranger in (await server.person("stranger@example.com"), await server.person(MIA, "other")):
        assert f"/runs/{run}" not in (await get(stranger, "/runs")).text
        assert (await get(stranger, f"/runs/{run}")).status_code == HTTPStatus.NOT_FOUND
        assert (await post(stranger, f"/runs/{run}/cancel")).status_code == HTTPStatus.NOT_FOUND


async def test_who_has_started_a_run_cancels_it_once_and_nobody_else(server):
    mia, ruth = await server.person(MIA), await server.person(RUTH)
    run = await started(mia)
    await server.drain()
    assert "Cancel this run" not in (await get(ruth, f"/runs/{run}")).text
    assert (await post(ruth, f"/runs/{run}/cancel", reason="no")).status_code == HTTPStatus.FORBIDDEN
    assert "Cancel this run" in (await get(mia, f"/runs/{run}")).text
    form = {"reason": EVIL, "key": "once"}
    for _ in range(2):  # a double click
        done = await post(mia, f"/runs/{run}/cancel", **form)
        assert (done.status_code, done.headers["location"]) == (HTTPStatus.SEE_OTHER, f"/runs/{run}")
    page = (await get(mia, f"/runs/{run}")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\u202e" not in page
    assert "<script>alert" not in page
    assert "Cancel this run" not in page
    late = await post(mia, f"/runs/{run}/cancel", reason="again")
    assert late.status_code == HTTPStatus.CONFLICT
    assert "Nothing was changed" in late.text


async def test_a_run_is_started_by_a_form_and_what_is_refused_stands_there_again(server):
    mia = await server.person(MIA)
    assert "/agents/approval" in (await get(mia, "/agents")).text
    page = (await get(mia, "/agents/approval")).text
    assert "Start a run" in page
    for form, said in (
        ({"input": '{"input": ', "as": "json"}, "The input cannot be read as JSON"),
        ({"input": "Hello", "thread": "x" * 300}, "thread"),
    ):
        refused = await post(mia, "/agents/approval", **form)
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, form
        assert "autofocus" in refused.text
        assert said in refused.text.partition("The run was not started.")[2].partition("</div>")[0]
        assert form["input"].replace('"', "&#34;") in refused.text
    form = {"input": MAIL, "thread": "orders", "key": "once"}
    first, again = [await post(mia, "/agents/approval", **form) for _ in range(2)]
    assert first.status_code == HTTPStatus.SEE_OTHER
    assert first.headers["location"] == again.headers["location"]
    assert MAIL in (await get(mia, first.headers["location"])).text
    assert first.headers["location"] in (await get(mia, "/agents/approval")).text
    assert (await post(mia, "/agents/os:system", input="x")).status_code == HTTPStatus.NOT_FOUND


async def test_an_agent_that_asks_through_the_api_has_a_page_in_its_own_tenant(server):
    asked = await ask(await server.agent(), PAY)
    page = (await get(await server.person(MIA), "/agents/bot")).text
    assert f"/requests/{asked['id']}" in page
    assert "acts by itself" in page
    assert "Start a run" not in page
    there = await server.person("olga@example.com", "other")
    assert (await get(there, "/agents/bot")).status_code == HTTPStatus.NOT_FOUND
    viewer = await server.person(NOAH)  # an auditor starts nothing
    assert "Start a run" not in (await get(viewer, "/agents/approval")).text
    assert (await post(viewer, "/agents/approval", input=MAIL)).status_code == HTTPStatus.FORBIDDEN


async def test_a_list_shows_the_beginning_of_what_is_long_and_none_of_it_deceives(server):
    mia = await server.person(MIA)
    given = {"input": "x", **{f"k{number}\u202e": [EVIL] for number in range(5_000)}}
    for one in ("\u202e\n" * 50_000, given):
        run = await started(mia, input=one)
        page = (await get(mia, "/runs")).text
        row = page.partition(f'id="{run}"')[2].partition("</li>")[0]
        assert "…" in row
        assert len(row) < 30_000
        assert "\u202e" not in page
        assert "read it as JSON" in (await get(mia, f"/runs/{run}")).text
