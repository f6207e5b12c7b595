"""What the processes of these tests are forked from."""

from tests import forks


def test_a_process_begins_with_everything_loaded_whoever_asked_for_the_first_one():
    process = forks.process(forks.is_ready)
    process.join(60)
    assert process.exitcode == 0
