"""SQLite: processes on one file hear of each other's commits; each store here stands for a process of its own."""

import asyncio
import os
import sys
import threading
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from interlock.dispatch import local
from interlock.dispatch.local import LocalWaker
from interlock.storage import open_store
from interlock.testing.samples import changes, opened

PATIENCE = 20


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Return the folder in which pipes are, and nothing else."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
async def stores(tmp_path, clock):
    both = [open_store(str(tmp_path / "interlock.db"), clock) for _ in range(2)]
    yield both
    for store in both:
        await store.close()


@pytest.fixture
def never_looks(monkeypatch):
    """Let nobody look for what others have committed, unless they hear of it."""
    monkeypatch.setattr(local, "POLL", 1_000)


def pipes(temporary):
    return [path for path in temporary.rglob("*") if path.is_fifo()]


def descriptors():
    return len(list(Path("/dev/fd").iterdir()))


def listening(store):
    """Have a store listen; return the list in which there is something for each time that it hears."""
    heard = []
    store.bell.listen(lambda: heard.append(1))
    return heard


async def until(holds):
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("never_looks")
async def test_another_processs_commit_is_heard_of_at_once(stores, clock):
    one, other = stores
    waker = LocalWaker(one, one.bell)
    since = await waker.seen(work=True)
    waiting = asyncio.create_task(waker.wait(since, 2 * PATIENCE, work=True))
    await asyncio.sleep(0)
    await other.commit(changes(opened("req_1", clock.at)))
    await asyncio.wait_for(waiting, PATIENCE)
    assert await waker.seen(work=True) > since


@pytest.mark.usefixtures("never_looks")
async def test_what_was_heard_while_nobody_waited_is_not_forgotten(stores, clock):
    one, other = stores
    waker = LocalWaker(one, one.bell)
    since = await waker.seen()
    await other.commit(changes(opened("req_1", clock.at)))
    await until(lambda: waker._has_heard)
    await asyncio.wait_for(waker.wait(since, 2 * PATIENCE), PATIENCE)
    assert await waker.seen() > since


async def test_who_commits_does_not_hear_itself(stores, clock):
    one, other = stores
    heard, others = listening(one), listening(other)
    await one.commit(changes(opened("req_1", clock.at)))
    await until(lambda: others)
    await other.commit(changes(opened("req_2", clock.at)))
    await until(lambda: heard)
    assert heard == [1]


async def test_another_file_is_not_heard(stores, clock, tmp_path, temporary):
    heard = listening(stores[0])
    stranger = open_store(str(tmp_path / "other.db"), clock)
    there = listening(stranger)
    assert len(pipes(temporary)) == 2
    await stranger.commit(changes(opened("req_1", clock.at)))
    await stranger.close()
    await stores[1].commit(changes(opened("req_1", clock.at)))
    await until(lambda: heard)
    assert (heard, there) == ([1], [])


async def test_whoever_closes_leaves_nothing_behind(tmp_path, clock, temporary):
    before = descriptors()
    both = [open_store(str(tmp_path / "interlock.db"), clock) for _ in range(2)]
    for store in both:
        listening(store)
    assert len(pipes(temporary)) == 2
    for store in both:
        await store.commit(changes(opened(f"req_{both.index(store)}", clock.at)))
        await store.close()
    assert list(temporary.rglob("*")) == []
    assert descriptors() == before


KILLED = """
import asyncio, sys
from interlock.storage import open_store
store = open_store(sys.argv[1])
store.bell.listen(lambda: None)
print("listens", flush=True)
sys.stdin.read()
"""


async def test_the_pipe_of_a_process_that_was_killed_is_cleared_away(stores, clock, tmp_path, temporary):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "interlock.db")]
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert await child.stdout.readline() == b"listens\n"
    await stores[0].commit(changes(opened("req_1", clock.at)))
    assert len(pipes(temporary)) == 1
    child.kill()
    await child.wait()
    await stores[0].commit(changes(opened("req_2", clock.at)))
    assert list(temporary.rglob("*")) == []


async def test_a_process_that_is_stopped_holds_nobody_up(stores, temporary):
    one, other = stores
    going_on = threading.Event()
    one.bell.listen(going_on.wait)
    for _ in range(75_000):  # a pipe holds 65,536
        other.bell.ring()
    writer = os.open(*pipes(temporary), os.O_WRONLY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.write(writer, b".")
    os.close(writer)
    going_on.set()


@pytest.mark.parametrize("whose", ["everybody's", "another place", "a file"])
async def test_a_folder_that_others_could_have_made_is_not_used(stores, clock, tmp_path, temporary, whose):
    """Somebody could make it first, with links to what is ours in place of pipes."""
    one, other = stores
    ours = tmp_path / "ours"
    ours.mkdir(mode=0o700)
    (ours / "precious").write_text("data")
    folder = one.bell._folder
    if whose == "everybody's":
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "pipe").symlink_to(ours / "precious")
    elif whose == "another place":
        folder.symlink_to(ours)
    else:
        folder.write_text("")
    waker = LocalWaker(one, one.bell)
    since = await waker.seen()
    await other.commit(changes(opened("req_1", clock.at)))
    await asyncio.wait_for(waker.wait(since, PATIENCE), PATIENCE)  # it looks
    assert await waker.seen() > since
    assert (ours / "precious").read_text() == "data"
    assert pipes(temporary) == []
