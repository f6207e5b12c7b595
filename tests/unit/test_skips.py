"""What is missing on CI is a failure there, and a skip on the machine of whoever works on the project."""

import pytest
from tests import conftest
from tests.server import test_generators


def skip_of(command, *words):
    with pytest.raises(pytest.skip.Exception) as skipped:
        test_generators.must_be_there(command, *words)
    return (__file__, 1, f"Skipped: {skipped.value.msg}")


@pytest.mark.parametrize(
    ("command", "words", "reason"),
    [("no-such-command", (), "is not installed"), ("false", ("x==1",), "x==1 cannot be had")],
)
@pytest.mark.parametrize("on_ci", [True, False])
def test_a_generator_that_cannot_be_had_is_a_failure_on_ci_alone(monkeypatch, command, words, reason, on_ci):
    monkeypatch.setattr(conftest, "ON_CI", on_ci)
    refused = conftest.forbidden_skip(skip_of(command, *words))
    assert (reason in refused) if on_ci else refused is None
    assert conftest.forbidden_skip("Skipped: not on this platform: no /dev/shm") is None
