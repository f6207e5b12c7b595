import ast
import inspect
import subprocess
import sys

import pytest

import interlock
from interlock.storage.migrate import prepare

HEAVY = {"alembic", "langchain_core", "langgraph", "pydantic", "rich", "sqlalchemy", "typer"}


def test_what_is_exported_is_there_and_sorted():
    assert interlock.__all__ == sorted(interlock.__all__)
    for name in interlock.__all__:
        assert getattr(interlock, name) is not None
    assert dir(interlock) == interlock.__all__


def test_what_is_exported_is_what_type_checkers_see():
    seen = {
        alias.name
        for node in ast.walk(ast.parse(inspect.getsource(interlock)))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("interlock.")
        for alias in node.names
    }
    assert seen == set(interlock.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'aks'"):
        interlock.aks  # noqa: B018


def test_importing_it_loads_nothing_heavy():
    code = "import interlock, sys; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY.isdisjoint(loaded)


def test_a_vote_can_be_cast_without_loading_an_agent_framework():
    code = "import interlock.cli.app, interlock.cli.votes, interlock.cli.session, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "langgraph.graph" not in loaded


def test_a_condition_is_judged_without_the_command_line_of_cel_which_others_still_get():
    code = (
        "import sys; from interlock.domain.facts import truth\n"
        "assert truth('amount > 1.0', {'amount': 2.0}) is True\n"
        "assert 'prompt_toolkit' not in sys.modules\n"
        "import cel.cli; print(cel.cli.app)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "object" in ran.stdout


@pytest.mark.parametrize("command", [["requests", "list"], ["runs", "list"], ["threads", "list"]])
def test_a_list_loads_neither_an_agent_framework_nor_what_only_writes_or_serves_other_databases(tmp_path, command):
    database = tmp_path / "interlock.db"
    prepare(database)
    code = (
        f"import sys; from interlock.cli import main; main(['--database', {str(database)!r}, *{command!r}])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    loaded = set(ran.stderr.split())
    unneeded = {
        *("langchain", "langchain_core", "langgraph", "langsmith", "httpx", "rich", "alembic", "psycopg"),
        *("sqlalchemy.orm", "sqlalchemy.dialects.postgresql"),
        *("interlock.runtime.runner", "interlock.storage.writes", "interlock.storage.items"),
        "interlock.testing",
    }
    assert ("There are none" in ran.stdout or "Nothing waits" in ran.stdout, unneeded & loaded) == (True, set())
