"""A command in a hint can be pasted as it stands."""

from interlock.cli.hints import command_prefix


def test_a_hint_names_the_same_configuration_and_database(monkeypatch, tmp_path):
    (tmp_path / "interlock").write_text("#!/bin/sh\n")
    (tmp_path / "interlock").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_prefix(program="interlock") == "interlock"
    assert command_prefix("my demo/interlock.yaml", program="interlock") == "interlock -c 'my demo/interlock.yaml'"
    assert command_prefix(None, "sqlite:///a.db", program="interlock") == "interlock --database sqlite:///a.db"


def test_a_hint_names_the_path_to_a_command_that_is_not_on_the_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)
    assert command_prefix("demo/interlock.yaml", program=".venv/bin/interlock") == (
        ".venv/bin/interlock -c demo/interlock.yaml"
    )
    assert command_prefix(program="/opt/tool/interlock") == "/opt/tool/interlock"
    assert command_prefix(program="/usr/bin/pytest") == "interlock"


def test_a_demo_that_is_left_says_how_to_look_at_it(command):
    done = command.run("demo", given="quit\n")
    assert done.returncode == 7
    assert "interlock -c demo/interlock.yaml approve req_" in done.stdout
    assert "Everything that happened: interlock -c demo/interlock.yaml log\n" in done.stdout
