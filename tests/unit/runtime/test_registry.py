"""One agent has one name, however its reference is spelled; another agent never gets that name."""

import json
import os
import shutil
import sys

import pytest

from interlock.errors import InvalidAgent
from interlock.runtime.loading.identity import names_for
from interlock.runtime.loading.registry import Registry

CODE = "buyer = other = None\nraise SystemExit('nothing here may be imported to know what it is')\n"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    folder = tmp_path / "shop"
    (folder / "pack").mkdir(parents=True)
    (folder / "agents.py").write_text(CODE)
    (folder / "pack" / "__init__.py").write_text(CODE)
    (folder / "pack" / "inner.py").write_text(CODE)
    (folder / "link.py").symlink_to("agents.py")
    os.link(folder / "agents.py", folder / "hard.py")
    (tmp_path / "way").symlink_to("shop")
    (folder / "langgraph.json").write_text(json.dumps({"graphs": {"g": "./agents.py:buyer", "m": "pack.inner:buyer"}}))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(folder))
    for name in ("agents", "pack", "pack.inner"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


TILL = ("till", "agents.py:buyer")


@pytest.mark.parametrize(
    "spelling",
    [
        "till",
        "agents.py:buyer",
        "./agents.py:buyer",
        "../shop/agents.py:buyer",
        "pack/../agents.py:buyer",
        "{folder}/agents.py:buyer",
        "{folder}/../way/agents.py:buyer",
        "~/shop/agents.py:buyer",
        "link.py:buyer",
        "hard.py:buyer",
        "agents:buyer",
        "langgraph.json:g",
        "./langgraph.json:g",
    ],
)
@pytest.mark.parametrize("configured", ["{folder}/agents.py:buyer", "agents:buyer", "{folder}/langgraph.json:g"])
def test_every_spelling_is_the_agent_that_is_configured(shop, spelling, configured):
    reference = configured.format(folder=shop)
    registry = Registry({"other": f"{shop}/agents.py:other", "till": reference})
    assert registry.reference(spelling.format(folder=shop)) == ("till", reference)


@pytest.mark.parametrize("spelling", ["pack.inner:buyer", "pack/inner.py:buyer", "langgraph.json:m"])
def test_a_module_in_a_package_is_found_without_importing_the_package(shop, spelling):
    assert Registry({"inner": "pack.inner:buyer"}).reference(spelling)[0] == "inner"
    assert "pack" not in sys.modules


def test_from_another_working_directory_it_is_the_same(shop, monkeypatch):
    registry = Registry({"till": f"{shop}/agents.py:buyer"})
    monkeypatch.chdir(shop / "pack")
    assert registry.reference("../agents.py:buyer")[0] == "till"


def test_another_attribute_or_file_is_another_agent_and_never_takes_a_known_name(shop):
    registry = Registry({"till": f"{shop}/agents.py:buyer", "buyer": "elsewhere:agent"})
    assert registry.reference("agents.py:other") == ("other", f"{shop}/agents.py:other")
    shutil.copy(shop / "agents.py", shop / "copy.py")
    assert registry.reference("copy.py:buyer") == ("copy/buyer", f"{shop}/copy.py:buyer")
    assert registry.reference("copy.py:till")[0] == "copy/till"
    everything = Registry({name: "elsewhere:agent" for name in names_for(f"{shop}/copy.py:buyer") if ":" not in name})
    assert everything.reference("copy.py:buyer")[0] == f"{shop}/copy.py:buyer"
    assert registry.reference("copy:buyer") == ("copy:buyer", "copy:buyer")


def test_of_several_names_for_one_agent_the_last_holds(shop):
    registry = Registry({"shipped": f"{shop}/agents.py:buyer", "till": "agents:buyer"})
    assert registry.reference("./agents.py:buyer")[0] == "till"
    assert registry.reference("shipped")[0] == "shipped"


@pytest.mark.parametrize("name", ["no.such.module:x", "..:x", ":x", "a b:x", "missing.py:x", "missing.json:x", "sys:x"])
def test_what_there_is_not_is_no_other_agent(shop, name):
    assert Registry({"till": "agents:buyer"}).reference(name)[0] != "till"


@pytest.mark.parametrize("name", ["a\0.py:x", "~nobody-of-this-name/a.py:x"])
def test_what_is_no_path_is_refused_with_a_sentence(shop, name):
    with pytest.raises(InvalidAgent, match="is no path"):
        Registry({}).reference(name)
