"""A screen that drops what cannot be written waits for no reader."""

import os
import pty
import termios

import pytest

from interlock.terminal.screen import Screen

LINES = 3_000


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb", buffering=0) as source, os.fdopen(writer, "w", encoding="ascii") as stream:
        yield source, stream


def dropping(stream):
    screen = Screen(stream)
    screen.drops = True
    return screen


def everything(source):
    return b"".join(iter(lambda: source.read(65_536), None)).decode().splitlines()


def test_a_reader_that_stands_still_holds_nobody_up_and_reads_whole_lines_again_later(pipe):
    source, stream = pipe
    screen, line = dropping(stream), "é" + "x" * 6_000  # two pieces: one may fit and the other not
    for _ in range(LINES):
        screen.say(line)
    read = everything(source)
    assert 0 < len(read) < LINES
    screen.say("later")
    assert everything(source)[-1] == "later"
    assert set(read[:-1]) == {"\\xe9" + "x" * 6_000}


def test_a_reader_that_went_away_fails_nobody(pipe):
    source, stream = pipe
    source.close()
    dropping(stream).say("words")


def test_a_terminal_that_stands_still_holds_nobody_up():
    """As after Ctrl-S, and where nobody reads what the terminal shows."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        screen = dropping(stream)
        screen.say("before")
        termios.tcflow(slave, termios.TCOOFF)
        screen.say("while it stands still")
        termios.tcflow(slave, termios.TCOON)
        screen.say("after")
        shown = b""
        while b"after" not in shown:
            shown += os.read(master, 1_000)
        assert shown.split() == [b"before", b"after"]
        for _ in range(LINES):
            screen.say("x" * 100)
    os.close(master)
