"""The page of a request compares it with the last one approved of the same agent and action, if one sees that."""

from tests.server.test_agents_api import ask, vote

MIA, OLGA = "mia@example.com", "olga@example.com"


def pay(**args):
    return {"asked": {"kind": "approval", "name": "transfer", "args": args}}


async def approved(server, agent, key, **args):
    asked = await ask(agent, pay(**args), key=key)
    assert (await vote(await server.person(MIA), asked)).status_code == 200
    return asked


async def opened(person, asked):
    answer = await person.get(f"../../requests/{asked['id']}")
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


async def test_what_is_new_is_shown_field_by_field(server):
    bot, other = await server.agent(), await server.agent("agent:other")
    await approved(server, bot, "1", to="Ann", amount=5)
    server.clock.advance(minutes=1)
    last = await approved(server, bot, "2", to="Ann", amount=7)
    server.clock.advance(minutes=1)
    elsewhere = await approved(server, other, "3", to="Eve", amount=9)
    asked = await ask(bot, pay(to="Bob", amount=7), key="4")
    page = await opened(await server.person(OLGA), asked)
    compared = page.partition("Compared with the last one approved")[2].partition("</section>")[0]
    assert f"/requests/{last['id']}" in compared
    assert elsewhere["id"] not in page
    assert "asked for the same" in compared
    assert "<bdi>mia@example.com" in compared
    assert ">to</bdi>" in compared
    assert "amount" not in compared, "which is the same"
    first = await opened(await server.person(OLGA), last)
    assert asked["id"] not in first.partition("Compared with")[2].partition("</section>")[0]


async def test_the_same_is_said_to_be_the_same_and_nothing_where_nothing_was(server):
    bot = await server.agent()
    await approved(server, bot, "1", to="Ann")
    server.clock.advance(minutes=1)
    person = await server.person(OLGA)
    assert "exactly the same" in await opened(person, await ask(bot, pay(to="Ann"), key="2"))
    other = {"asked": {"kind": "approval", "name": "never", "args": {}}}
    assert "Compared with" not in await opened(person, await ask(bot, other, key="3"))


CONFIG = """
people: {mia@example.com: {}, pat@example.com: {}, olga@example.com: {}}
groups: {a: [mia@example.com], b: [pat@example.com]}
roles: {admin: [olga@example.com]}
policies:
  transfers:
    applies_to: action.name == "transfer"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {when: amount < 10, steps: [{ask: [group:a]}]}
      - steps: [{ask: [group:b]}]
default: {levels: [{steps: [{ask: [group:b]}]}]}
"""


async def test_who_takes_part_in_this_one_alone_is_not_shown_the_other(open_server):
    server = open_server(config=CONFIG)
    bot = await server.agent()
    last = await approved(server, bot, "1", amount=5)
    server.clock.advance(minutes=1)
    asked = await ask(bot, pay(amount=50), key="2")
    assert last["id"] in await opened(await server.person(OLGA), asked)
    page = await opened(await server.person("pat@example.com"), asked)
    assert last["id"] not in page
    assert "Compared with" not in page
