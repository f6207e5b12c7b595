"""Pages ask the kit: none of them reads the store, or looks at what it says of time, by itself."""

import ast
from pathlib import Path

import pytest

from interlock.web import pages

MODULES = sorted(Path(pages.__file__).parent.glob("*.py"))
PORTS = {"interlock.engine.ports.store": {"RequestFilter", "RunFilter", "SortKey"}}
"""What a page may take of the store's port: what the kit is asked for."""


def queries(text):
    """Return what a module asks a store, and what it takes of the layers below that is no filter."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(value=ast.Attribute(attr="store") | ast.Name(id="store"), attr=name):
                yield f"store.{name}"
            case ast.ImportFrom(module=str(module), names=names) if module in PORTS:
                yield from sorted({one.name for one in names} - PORTS[module])
            case ast.ImportFrom(module=str(module)) if module.startswith("interlock.storage"):
                yield module


@pytest.mark.parametrize(
    "text",
    [
        "await caller.client.system.store.load(tenant, ids)",
        "now = await context.components.store.now()",
        "from interlock.engine.ports.store import Store",
        "from interlock.storage.sqlite import open_store",
    ],
)
def test_a_query_is_found(text):
    assert list(queries(f"async def show():\n    {text}"))


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.name)
def test_a_page_asks_the_kit(module):
    assert list(queries(module.read_text())) == []
