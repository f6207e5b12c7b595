"""Failpoints are switched on by a setting; one that cannot be read is told, and switches nothing on."""

from pathlib import Path

import pytest

from interlock import failpoints
from interlock.errors import InvalidConfig
from interlock.failpoints import NAMES, FailpointError, configure, failpoint


@pytest.fixture(autouse=True)
def all_off():
    yield
    configure("")


@pytest.mark.parametrize(
    "setting", ["bogus=kill", "effect.called", "effect.called=explode", "effect.called=kill:x", "effect.called=kill:0"]
)
def test_a_setting_that_cannot_be_read_names_itself_and_what_there_is(setting):
    with pytest.raises(InvalidConfig, match=r"INTERLOCK_FAILPOINTS: .* is not NAME=kill") as caught:
        configure(setting)
    assert setting in str(caught.value)
    assert all(name in str(caught.value) for name in NAMES)


def test_the_nth_passing_is_the_one_that_counts():
    configure("run.started=raise:2")
    failpoint("run.started")
    with pytest.raises(FailpointError):
        failpoint("run.started")
    failpoint("run.started")


def test_every_name_is_passed_somewhere():
    package = Path(failpoints.__file__).parent
    passed = "".join(path.read_text() for path in package.rglob("*.py"))
    assert [name for name in NAMES if f'failpoint("{name}")' not in passed] == []
