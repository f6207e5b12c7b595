"""`~` in an address, a reference or a variable is a home directory, or refused: no folder of that name is ever made."""

import getpass
import pwd
from pathlib import Path

import pytest

from interlock import NotDone
from interlock.agents.places import place
from interlock.cli.doctor import _database
from interlock.config import load_settings
from interlock.errors import BadInput, InvalidConfig, StoreUnavailable
from interlock.storage import open_store
from interlock.storage.open import file_of

ME = pwd.getpwuid(__import__("os").getuid())


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Return a folder to work in, beside a home directory."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield tmp_path
    assert not list(tmp_path.rglob("~*"))
    assert not Path("/~").exists()


def database(folder, url):
    """Return which file this address names, by the configuration and by itself, once it was opened."""
    config = folder / "interlock.yaml"
    config.write_text(f"database: {{url: '{url}'}}\n")
    settings = load_settings(config, {"HOME": str(folder.parent / "home")})
    open_store(settings.database_url)
    assert _database(settings).state == "ok"
    return file_of(settings.database_url)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///~/x.db", "home/x.db"),
        ("~/x.db", "home/x.db"),
        ("sqlite:///~/a/b/x.db", "home/a/b/x.db"),
        ("sqlite:///~//x.db", "home/x.db"),
        ("sqlite:///x.db", "work/x.db"),
        ("x.db", "work/x.db"),
        ("sqlite:///../x.db", "x.db"),
        ("sqlite:///a%20b.db", "work/a%20b.db"),
        ("sqlite:///a b#c.db", "work/a b#c.db"),
        ("sqlite:///{house}/abs.db", "abs.db"),
        ("{house}/abs.db", "abs.db"),
    ],
)
def test_an_address_in_the_file_and_in_the_environment_names_one_file(house, url, path):
    url = url.format(house=house)
    assert database(house / "work", url).resolve() == house / path
    assert (house / path).is_file()
    (house / path).unlink()
    settings = load_settings(None, {"INTERLOCK_DATABASE_URL": url, "HOME": str(house / "home")})
    open_store(settings.database_url)
    assert (house / path).is_file()


def test_a_plain_path_of_the_file_is_seen_from_the_file(house, monkeypatch):
    (house / "work" / "interlock.yaml").write_text("database: {url: x.db}\n")
    monkeypatch.chdir(house)
    assert load_settings("work/interlock.yaml", {}).database_url == str(house / "work" / "x.db")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///~nobody-of-this-name/x.db", "nobody's home directory"),
        ("~nobody-of-this-name/x.db", "nobody's home directory"),
        ("sqlite:///a/~/x.db", "has a folder ~"),
        ("sqlite:////~/x.db", "has a folder ~"),
        ("sqlite:///./~/x.db", "has a folder ~"),
        ("sqlite:///./~", "has a folder ~"),
        ("sqlite://x.db", "write sqlite:///x.db"),
        ("sqlite://~/x.db", "write sqlite:///~/x.db"),
        ("sqlite:x.db", "no address of a database"),
        ("sqlite:///", "not the path"),
        ("sqlite:///x.db?mode=ro", "not the path"),
        ("sqlite:///:memory:", "not the path"),
        ("sqlite:///~", "not a file"),
        ("~", "not a file"),
        ("sqlite:////", "not a file"),
        ("sqlite:///{house}", "not a file"),
    ],
)
def test_an_address_that_names_no_file_is_refused_with_a_sentence(house, url, says):
    url = url.format(house=house)
    with pytest.raises((InvalidConfig, StoreUnavailable), match=says):
        open_store(load_settings(None, {"INTERLOCK_DATABASE_URL": url, "HOME": str(house / "home")}).database_url)
    with pytest.raises((InvalidConfig, StoreUnavailable), match=says):
        open_store(url)


@pytest.mark.parametrize("given", ["", "home", ".", None])
def test_a_home_that_makes_no_sense_is_not_used(house, given, monkeypatch):
    """With HOME empty, Python's own `~/x.db` would be /x.db."""
    monkeypatch.delenv("HOME")
    if given is not None:
        monkeypatch.setenv("HOME", given)
    registered = Path(ME.pw_dir)
    assert file_of("sqlite:///~/x.db") == registered / "x.db"
    assert file_of(f"sqlite:///~{getpass.getuser()}/x.db") == Path(pwd.getpwnam(getpass.getuser()).pw_dir) / "x.db"
    environ = {} if given is None else {"HOME": given}
    assert file_of(load_settings(None, environ).database_url).is_relative_to(registered / ".local" / "share")


def test_without_any_home_it_is_said(house, monkeypatch):
    monkeypatch.setenv("HOME", "")

    def unknown(_):
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(InvalidConfig, match="HOME is not set"):
        file_of("~/x.db")
    with pytest.raises(InvalidConfig, match="HOME is not set"):
        load_settings(None, {})


def test_the_file_itself_and_what_it_refers_to_may_begin_with_a_home(house):
    (house / "home" / "here.yaml").write_text("agents: {a: '~/agents.py:a', b: 'agents.py:b', c: '~.module:c'}\n")
    environ = {"HOME": str(house / "home")}
    by_option, by_variable = (
        load_settings("~/here.yaml", environ),
        load_settings(None, environ | {"INTERLOCK_CONFIG": "~/here.yaml"}),
    )
    assert by_option.agents == by_variable.agents
    assert by_option.agents == {
        "a": f"{house}/home/agents.py:a",
        "b": f"{house}/home/agents.py:b",
        "c": "~.module:c",
    }
    with pytest.raises(BadInput, match="nobody's home directory"):
        load_settings("~nobody-of-this-name/here.yaml", environ)


@pytest.mark.parametrize("variable", ["INTERLOCK_MAILDIR", "INTERLOCK_LEDGER", "INTERLOCK_REPORTS"])
def test_where_agents_write_may_begin_with_a_home(house, monkeypatch, variable):
    monkeypatch.setenv(variable, "~/kept")
    assert place(variable, "x") == house / "home" / "kept"
    for wrong in ("~nobody-of-this-name/kept", "a/~/kept"):
        monkeypatch.setenv(variable, wrong)
        with pytest.raises(NotDone, match="whole path"):
            place(variable, "x")
    monkeypatch.setenv(variable, "~/kept")
    monkeypatch.setenv("HOME", "")
    with pytest.raises(NotDone, match="HOME"):
        place(variable, "x")
