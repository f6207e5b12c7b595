"""Bombs that go off, each in a process of its own: a fork of one that has loaded the test's file, once for all."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Self

PATIENCE = 300


class Explosions:
    """The process that forks.

    Args:
        file: a test's file; its function `explode` is given the name of a bomb, and writes what came of it as JSON.
    """

    def __init__(self, file: str) -> None:
        order = [sys.executable, __file__, file]
        environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        self._process = subprocess.Popen(
            order, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def of(self, name: str) -> Any:
        """Let a bomb go off; return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(name) + "\n")
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        assert code == 0, (code, err)
        return json.loads(out)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=PATIENCE)


def serve(file: str) -> None:
    """Fork for each name that is given."""
    spec = importlib.util.spec_from_file_location("bombs", file)
    assert spec is not None
    assert spec.loader is not None
    bombs = importlib.util.module_from_spec(spec)
    sys.modules["bombs"] = bombs  # where its models look for their names
    spec.loader.exec_module(bombs)
    for line in sys.stdin:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                signal.alarm(PATIENCE)
                _ended_after(bombs.explode, json.loads(line))
            _, status = os.waitpid(child, 0)
            said = [file.seek(0) or file.read().decode() for file in (out, err)]
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status), *said]) + "\n")
        sys.stdout.flush()


def _ended_after(explode: Callable[[str], None], name: str) -> NoReturn:
    code = 1
    try:
        explode(name)
        sys.stdout.flush()
        code = 0
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
