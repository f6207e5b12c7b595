"""Every error has its exit code and a sentence; none shows a traceback."""

import json

import pytest

from interlock import errors
from interlock.cli.app import COMMANDS, load
from interlock.cli.errors import MEANINGS, Exit, code_of, report
from interlock.errors import InterlockError
from interlock.service.error_table import ERRORS

EVERY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, InterlockError)]


EXIT_CODES = {
    "InterlockError": 1,
    "BadInput": 2,
    "InvalidAgent": 2,
    "InvalidAnswer": 2,
    "InvalidConfig": 2,
    "InvalidContext": 2,
    "InvalidPolicy": 2,
    "InvalidState": 2,
    "InvalidValue": 2,
    "ModelNotUsable": 2,
    "TakesTooLong": 2,
    "Refused": 3,
    "AlreadyClaimed": 3,
    "AlreadyIssued": 3,
    "Closed": 3,
    "EffectRefused": 3,
    "Forbidden": 3,
    "SecondFactorNeeded": 3,
    "TooManyAttempts": 3,
    "Unauthenticated": 3,
    "NoVote": 3,
    "NotEditable": 3,
    "NotOffered": 3,
    "ReasonMissing": 3,
    "TooEarly": 3,
    "TooLate": 3,
    "TooManyRequests": 3,
    "TooManyCalls": 3,
    "WrongDigest": 3,
    "NotFound": 4,
    "Conflict": 5,
    "NotInTime": 5,
    "WindowMoved": 5,
    "StoreError": 6,
    "RecordAltered": 6,
    "StoreTooNew": 6,
    "StoreReplaced": 6,
    "StoreUnavailable": 6,
    "TooBusy": 6,
    "ServerError": 6,
    "ServerBusy": 6,
    "ServerUnreachable": 6,
    "ServerTimeout": 6,
    "UntrustedServer": 6,
    "ProviderUnavailable": 6,
    "ModelFailed": 6,
    "ModelUnavailable": 6,
}


def test_the_table_of_exit_codes():
    found = {kind.__name__: int(code_of(made(kind))) for kind in EVERY}
    assert found == EXIT_CODES


def made(kind):
    return kind("there", "is wrong") if kind is errors.InvalidValue else kind("is wrong", request_id="req_1")


@pytest.mark.parametrize("kind", EVERY)
def test_an_error_is_told_in_words_and_as_json(kind, capsys):
    assert report(made(kind), as_json=False) == code_of(made(kind))
    told = capsys.readouterr()
    assert "is wrong" in told.err
    assert told.out == ""
    report(made(kind), as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["code"] == kind.code


def test_a_defect_is_told_without_a_traceback_unless_one_is_asked_for(capsys, monkeypatch):
    assert report(ZeroDivisionError("oh \x1b[2J"), as_json=False) == Exit.internal
    told = capsys.readouterr().err
    assert "Internal error: ZeroDivisionError" in told
    assert "INTERLOCK_DEBUG=1" in told
    assert "\x1b" not in told
    monkeypatch.setenv("INTERLOCK_DEBUG", "1")
    report(ZeroDivisionError("oh"), as_json=False)
    assert "ZeroDivisionError: oh" in capsys.readouterr().err


def test_every_exit_code_is_documented():
    assert set(MEANINGS) == set(Exit) - {Exit.broken_pipe}
    assert {means.exit for means in ERRORS.values()} <= set(Exit)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help(name):
    command = load(name)
    assert command.help
    for sub in getattr(command, "commands", {}).values():
        assert sub.help
