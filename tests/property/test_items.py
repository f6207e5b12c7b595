"""What agents keep: every store does with it what LangGraph's InMemoryStore does, in whatever order it is asked."""

import asyncio
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from interlock.runtime.served.agent_store import AgentStore
from interlock.storage import open_store

LABELS = st.sampled_from(["a", "b", "ab", "a.b", "\\", "é", "*", "🙂", ""])
PATHS = st.lists(LABELS, max_size=3).map(tuple)
KEYS = st.sampled_from(["k", "K", "k.1", "ключ", ""])
SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 2.5, "1", "x", -3, 10**20])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2)
)
OBJECTS = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)
COMPARISONS = st.dictionaries(
    st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in"]), SCALARS, min_size=1, max_size=2
)
FILTERS = st.none() | st.dictionaries(st.sampled_from("xyz"), VALUES | COMPARISONS, max_size=2)
LIMITS = st.sampled_from([0, 1, 2, 3, 10, -1])
CONDITIONS = st.lists(st.builds(MatchCondition, st.sampled_from(["prefix", "suffix"]), PATHS), max_size=2).map(tuple)
PUTS = st.builds(PutOp, PATHS, KEYS, st.none() | OBJECTS, st.sampled_from([None, False, ["x"]]))
ASKS = (
    st.builds(GetOp, PATHS, KEYS)
    | st.builds(SearchOp, PATHS, FILTERS, LIMITS, LIMITS, st.sampled_from([None, "x"]))
    | st.builds(ListNamespacesOp, st.none() | CONDITIONS, st.sampled_from([None, 0, 1, 2]), LIMITS, LIMITS)
)
BATCHES = st.lists(st.lists(PUTS | PUTS | ASKS, max_size=5), max_size=8)

TENANTS = map("tenant-{}".format, count())


@pytest.fixture(params=["memory", "sqlite", "postgres", pytest.param("dynamodb", marks=pytest.mark.soak)])
def items(request, tmp_path):
    match request.param:
        case "memory":
            address = "memory:"
        case "sqlite":
            address = str(tmp_path / "items.db")
        case "postgres":
            address = request.getfixturevalue("postgres").fresh()
        case _:
            address = request.getfixturevalue("new_table")()
    store = open_store(address)
    yield store
    asyncio.run(store.close())


def shown(found):
    if isinstance(found, list):
        return [shown(one) for one in found]
    return found if found is None or isinstance(found, tuple) else (found.namespace, found.key, found.value)


def tried(store, batch):
    try:
        return [shown(found) for found in store.batch(batch)]
    except (ValueError, TypeError) as error:
        return type(error)


class Oracle(InMemoryStore):
    """LangGraph's store; but a namespace that nothing is in is not there, though somebody asked for it once.

    LangGraph makes a namespace when somebody reads or deletes there, and what is put there later comes in its place.
    """

    def forget_empty(self):
        for namespace in [name for name, kept in self._data.items() if not kept]:
            del self._data[namespace]

    def _apply_put_ops(self, put_ops):
        for place, op in put_ops.items():
            self.forget_empty()
            super()._apply_put_ops({place: op})

    def _handle_list_namespaces(self, op):
        self.forget_empty()
        return super()._handle_list_namespaces(op)


def test_a_store_does_what_langgraphs_own_does(items):
    @given(BATCHES)
    @example([[PutOp(("a",), "k", {}), PutOp((), "k", {}), GetOp((), "k")], [SearchOp((), limit=1)]])
    @example([[PutOp((), "x", None), PutOp(("a",), "k", {}), PutOp((), "k", {})], [SearchOp((), limit=1)]])
    @example([[PutOp((), "k", {})], [PutOp((), "k", None), PutOp(("a",), "k", {}), PutOp((), "x", {})], [SearchOp(())]])
    def same(batches):
        oracle, ours = Oracle(), AgentStore(items, next(TENANTS))
        for batch in batches:
            wanted, found = tried(oracle, batch), tried(ours, batch)
            oracle.forget_empty()
            if isinstance(wanted, type) and isinstance(found, list):
                # It judges what comes after the page, too, and fails by it.
                assert any(isinstance(op, SearchOp) and op.filter for op in batch)
                return
            assert found == wanted, batch

    same()


def test_each_tenant_has_its_own(items):
    one, other = AgentStore(items, "one"), AgentStore(items, "other")
    one.put(("notes",), "k", {"v": 1})
    assert other.get(("notes",), "k") is None
    assert other.search(()) == []
    assert other.list_namespaces() == []
    other.delete(("notes",), "k")
    assert one.get(("notes",), "k").value == {"v": 1}


def test_a_page_ends_nowhere_else_than_a_list(items):
    store = AgentStore(items, "default")
    for number in range(450):
        store.put(("many", str(number % 3)), str(number), {"n": number, "even": number % 2 == 0})
    order = [*range(0, 450, 3), *range(1, 450, 3), *range(2, 450, 3)]
    assert [item.value["n"] for item in store.search(("many",), limit=1000)] == order
    assert [item.value["n"] for item in store.search((), limit=7, offset=298)] == order[298:305]
    evens = [number for number in order if number % 2 == 0]
    assert [item.value["n"] for item in store.search((), filter={"even": True}, limit=1000)] == evens
    assert [item.value["n"] for item in store.search((), filter={"even": True}, limit=5, offset=210)] == evens[210:215]


def test_what_cannot_be_kept_is_refused_and_nothing_is_changed(items):
    store = AgentStore(items, "default")
    for bad in ({"when": object()}, {"n": float("nan")}, [1]):
        with pytest.raises(TypeError, match="keeps JSON objects"):
            store.put(("a",), "k", bad)
    with pytest.raises(ValueError, match="more than the store's limit"):
        store.put(("a",), "k", {"text": "x" * 1_000_001})
    for key in ("nul\0", "\ud800"):
        with pytest.raises(ValueError, match="no text"):
            store.batch([PutOp(("a",), "good", {}), PutOp(("a",), key, {})])
        assert store.get(("a",), key) is None
        assert store.batch([SearchOp((key,))]) == [[]]
        store.delete(("a",), key)
    with pytest.raises(NotImplementedError, match="TTL"):
        store.put(("a",), "k", {}, ttl=5)
    assert store.list_namespaces() == []


def test_what_somebody_holds_changes_nothing(items):
    store = AgentStore(items, "default")
    given_ = {"list": [1]}
    store.put(("a",), "k", given_)
    given_["list"].append(2)
    store.get(("a",), "k").value["list"].append(3)
    first = store.get(("a",), "k")
    assert first.value == {"list": [1]}
    store.put(("a",), "k", {"list": []})
    second = store.get(("a",), "k")
    assert second.created_at == first.created_at <= first.updated_at <= second.updated_at


def test_many_write_at_once_and_nothing_is_lost(items):
    async def writes(name):
        store = AgentStore(items, "default")
        for number in range(10):
            await store.abatch(
                [
                    PutOp(("all",), f"{name}-{number}", {}),
                    *(PutOp(("one",), key, {"by": name}) for key in "ab"[:: (-1) ** number]),
                ]
            )

    async def all_of_them():
        await asyncio.gather(*(writes(str(name)) for name in range(5)))

    asyncio.run(all_of_them())
    store = AgentStore(items, "default")
    assert len(store.search(("all",), limit=100)) == 50
    assert len(store.search(("one",))) == 2
