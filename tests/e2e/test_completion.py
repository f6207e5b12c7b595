"""Completion, in real shells: what the tab key makes of a command line."""

import shutil
import subprocess
from functools import partial

import pexpect
import pytest

SHELLS = {
    "bash": (["--noprofile", "--norc", "-i"], 'eval "$(interlock completion bash)"'),
    "zsh": (["-f", "-i"], 'autoload -U compinit; compinit -D; eval "$(interlock completion zsh)"'),
    "fish": (["--no-config", "-i"], "interlock completion fish | source"),
}


def typed(child, rest):
    """Whether the tab key brings this; a busy machine may take longer than a person waits."""
    child.send("\t")
    return child.expect_exact([rest, pexpect.TIMEOUT]) == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_the_tab_key_writes_the_rest_of_a_command_and_the_id_of_what_waits(command, shell):
    if shell != "bash" and shutil.which(shell) is None:
        pytest.skip(f"not on this platform: there is no {shell}")
    _, request = command.paused()
    arguments, begin = SHELLS[shell]
    path = f"{command.installed.parent}:{command.env['PATH']}"
    child = pexpect.spawn(
        shutil.which(shell), arguments, cwd=str(command.folder), env=command.env | {"PATH": path}, encoding="utf-8",
        timeout=20, dimensions=(50, 200),
    )  # fmt: skip
    child.sendline(begin)
    child.sendline("echo rea''dy")
    child.expect_exact("ready")
    child.send("interlock appro\t")
    child.expect_exact("approve")
    child.send("req_")
    command.until(partial(typed, child, request[4:]), "the id is written")
    child.sendline("--yes")
    child.expect("Approved|done")
    command.until(lambda: command.sink == ["5 shop pay for a book"], "paid")
    child.close(force=True)


@pytest.mark.parametrize(
    "line",
    [
        ["approve", ""],
        ["-c", "nowhere.yaml", "approve", ""],
        ["--database", "postgresql://nobody@localhost:1/none", "runs", "show", ""],
        ["--database", "what://ever", "approve", ""],
        ["requests", "list", "--limit", ""],
    ],
)
def test_what_goes_wrong_is_silent_and_makes_nothing(command, line):
    done = command.run("completion", "words", "--", *line)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(command.folder.iterdir())


def test_each_shell_accepts_its_function(command):
    for shell, check in (("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])):
        if shutil.which(shell):
            script = command.run("completion", shell).stdout
            subprocess.run([shell, *check], input=script, text=True, check=True, capture_output=True)
