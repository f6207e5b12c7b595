"""Measure the server over HTTP, beside a service that was written by hand; write it to bench/RESULTS.md.

python bench/over_http.py                    # all: at most seven minutes
python bench/over_http.py cycles             # one part again; the others stay
python bench/over_http.py --quick            # small, and printed only
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pstats
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parent))

import psycopg

import http_client
import run as results
from costs import part_of
from cycle import Ground, ratio
from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.domain.credentials import Scope
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.credentials import Authenticator

HERE = Path(__file__).parent
INTERLOCK = str(Path(sys.executable).with_name("interlock"))
AGENT = "payer"
CONFIG = ["--config", str(HERE / "over_http.yaml")]
AT_ONCE = ((1, 30), (16, 160), (64, 256))
"""How many cycles run at once, and how many there are in all."""

TICKS = os.sysconf("SC_CLK_TCK")
ENVIRON = os.environ | {"PYTHONPATH": str(HERE)}


def started(command: list[str], stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=ENVIRON)


class Contestant(ABC):
    """A server in a process of its own, and its client.

    Args:
        cycles: when the last cycle decided, and what it heard.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._idle: list[http_client.Connection] = []
        self.headers: dict[str, str] = {}
        self.to_act: list[float] = []

    async def __aenter__(self) -> Self:
        self.process = started(self._command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        told = (await asyncio.to_thread(self.process.stdout.readline)).decode()
        self.origin = json.loads(told)["origin"] if told.startswith("{") else told.strip()
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._idle:
            connection.close()
        self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[http_client.Connection]:
        found = self._idle.pop() if self._idle else http_client.Connection(self.origin, self.headers)
        yield found
        self._idle.append(found)

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the process has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> int:
        """Bytes that the process has in memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @abstractmethod
    async def cycle(self, name: str) -> None:
        """Start, see what is asked, approve it, and see the end."""


class Served(Contestant):
    """Interlock: `interlock serve`, its stream followed by the client.

    Args:
        workers: so many processes of `interlock work`, and a server that leaves that to them; by default it works.
        profile: the file that a profile of its main thread is written to.
    """

    def __init__(self, address: str, workers: int = 0, profile: Path | None = None) -> None:
        here = [str(HERE / "profiled.py"), str(profile)] if profile else [INTERLOCK]
        self._interlock = [sys.executable, *here, *CONFIG, "--database", address]
        work = ["--no-work"] if workers else []
        super().__init__([*self._interlock, "serve", "--port", "0", "--json", *work])
        self._address = address
        self._workers = workers
        self._waiting: dict[tuple[str, str], asyncio.Future[tuple[Any, float]]] = {}

    async def __aenter__(self) -> Self:
        self.system: System = build(load_settings(None, {"INTERLOCK_DATABASE_URL": self._address}), {})
        issued = await Authenticator(self.system.store, self.system.directories).session(
            "default", "local:bench", by="bench"
        )
        work = [INTERLOCK, *CONFIG, "--database", self._address, "work"]
        self._apart = [started(work) for _ in range(self._workers)]
        await super().__aenter__()
        self.headers = {"Cookie": f"interlock={issued.secret}", "Origin": self.origin}
        self._following = asyncio.create_task(http_client.follow(self.origin, self.headers, self._tell))
        await asyncio.sleep(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        for process in self._apart:
            process.send_signal(signal.SIGTERM)
        await super().__aexit__()
        for process in self._apart:
            await asyncio.to_thread(process.wait)
        await self.system.close()

    def _tell(self, name: str, data: str, at: float) -> None:
        if name in {"opened", "run_done", "vote_cast"}:
            entry = json.loads(data)
            key = entry["event"].get("run_id") if name == "opened" else entry["stream"]
            if key:  # a request of a run
                self.told(key, name).set_result((entry["event"], at))

    def told(self, key: str, name: str) -> asyncio.Future[tuple[Any, float]]:
        """Return what is heard of a run, or a request."""
        return self._waiting.setdefault((key, name), asyncio.get_running_loop().create_future())

    async def cycle(self, name: str) -> None:
        async with self.connection() as connection:
            run = (await connection.call("POST", "/api/v1/runs", {"agent": AGENT, "input": {"input": name}}))["id"]
            opened, _ = await self.told(run, "opened")
            decided, vote = perf_counter(), {"verdict": "approve", "digest": opened["asked_digest"]}
            await connection.call("POST", f"/api/v1/requests/{opened['request_id']}/votes", vote)
            done, _ = await self.told(run, "run_done")
            self.to_act.append((float(done["output"]["result"]) - decided) * 1000)
            for key in ((run, "opened"), (run, "run_done"), (opened["request_id"], "vote_cast")):
                self._waiting.pop(key, None)


class ByHand(Contestant):
    """The service of `handwritten.py`."""

    def __init__(self, address: str, durability: str) -> None:
        super().__init__([sys.executable, str(HERE / "handwritten.py"), address, durability])

    async def cycle(self, name: str) -> None:
        async with self.connection() as connection:
            asked = await connection.call("POST", "/runs", {"input": name})
            decided, said = perf_counter(), {"interrupt_id": asked["interrupt_id"], "approved": True}
            done = await connection.call("POST", f"/runs/{asked['thread']}/decision", said)
            self.to_act.append((float(done["result"]) - decided) * 1000)


async def rate(contestant: Contestant, tag: str, cycles: int, at_once: int) -> tuple[float, float]:
    """Return cycles per second, and milliseconds of the server's CPU for each."""
    waiting = iter(range(cycles))

    async def client() -> None:
        for number in waiting:
            await contestant.cycle(f"{tag}-{number}")

    began, spent = perf_counter(), contestant.cpu
    await asyncio.gather(*(client() for _ in range(at_once)))
    return cycles / (perf_counter() - began), (contestant.cpu - spent) / cycles * 1000


Found = dict[str, dict[int, list[tuple[float, float]]]]
NAMES = ("interlock", "by hand", "by hand, exit", "by hand again")


async def compare(rounds: int, scale: int) -> tuple[Found, dict[str, list[float]]]:
    """Let the contestants take turns; return rates and CPU by how many were at once, and ms from vote to act."""
    with Ground("postgres") as ground:
        async with AsyncExitStack() as stack:
            served = await stack.enter_async_context(Served(ground.fresh()))
            default = await stack.enter_async_context(ByHand(ground.fresh(), "async"))
            at_exit = await stack.enter_async_context(ByHand(ground.fresh(), "exit"))
            contestants = dict(zip(NAMES, (served, default, at_exit, default), strict=True))
            found: Found = {name: {at_once: [] for at_once, _ in AT_ONCE} for name in NAMES}
            acts: dict[str, list[float]] = {name: [] for name in NAMES}
            for one in (served, default, at_exit):
                await rate(one, "warm", 20, 4)
            for number in range(rounds):
                for at_once, cycles in AT_ONCE:
                    for name in NAMES if number % 2 else reversed(NAMES):
                        contestants[name].to_act.clear()
                        tag = f"{name}-{number}-{at_once}"
                        found[name][at_once].append(await rate(contestants[name], tag, cycles // scale, at_once))
                        acts[name] += contestants[name].to_act if at_once == 1 else []
    return found, acts


def cycles(rounds: int, scale: int) -> Iterator[str]:
    yield from ("", "## Over HTTP: cycles per second", "")
    yield "One cycle over HTTP on PostgreSQL: start, see what is asked, approve it, see the end. `interlock serve` (one"
    yield "process, SSE, everything governed) beside `bench/handwritten.py` (FastAPI, LangGraph, `AsyncPostgresSaver`;"
    yield "no identities, no policy, no log), by turns, each server in a process of its own, one cheap client for all;"
    yield f"{rounds} rounds. Medians; ratios round by round: median (minimum to maximum). CPU: of the server's process."
    yield ""
    yield "| at once | Interlock | by hand | by hand, `exit` | Interlock / by hand | Interlock / `exit` | A/A |"
    yield "|---|---|---|---|---|---|---|"
    found, acts = asyncio.run(compare(rounds, scale))
    rates = {name: {at: [one for one, _ in each] for at, each in of.items()} for name, of in found.items()}
    spent = {name: {at: median(cpu for _, cpu in each) for at, each in of.items()} for name, of in found.items()}
    for at_once, _ in AT_ONCE:
        medians = [f"{median(rates[name][at_once]):.0f}" for name in NAMES[:3]]
        pairs = ((NAMES[0], NAMES[1]), (NAMES[0], NAMES[2]), (NAMES[1], NAMES[3]))
        ratios = [ratio(rates[one][at_once], rates[other][at_once]) for one, other in pairs]
        yield f"| {at_once} | {' | '.join([*medians, *ratios])} |"
    yield ""
    yield "| CPU of a cycle, ms, at once | Interlock | by hand | by hand, `exit` |"
    yield "|---|---|---|---|"
    for at_once, _ in AT_ONCE:
        yield f"| {at_once} | {' | '.join(f'{spent[name][at_once]:.1f}' for name in NAMES[:3])} |"
    yield ""
    told = ", ".join(f"{name} {median(acts[name]):.1f}" for name in NAMES[:3])
    yield f"From sending the vote to the act, one after the other, medians in ms: {told}."


# ── how soon it is seen ──


async def commit_and_notify(url: str, count: int) -> list[float]:
    """Return the milliseconds that one commit and one NOTIFY take until somebody hears it, by the same driver."""
    how = {"autocommit": True}
    times = []
    async with (
        await psycopg.AsyncConnection.connect(url, **how) as writing,  # type: ignore[arg-type]
        await psycopg.AsyncConnection.connect(url, **how) as ringing,  # type: ignore[arg-type]
        await psycopg.AsyncConnection.connect(url, **how) as hearing,  # type: ignore[arg-type]
    ):
        await writing.execute("CREATE TABLE written (number int, said text)")
        await hearing.execute("LISTEN told")
        heard = hearing.notifies()
        for number in range(count):
            began = perf_counter()
            await writing.execute("INSERT INTO written VALUES (%s, %s)", (number, "x" * 300))
            await ringing.execute("NOTIFY told")
            await anext(heard)
            times.append((perf_counter() - began) * 1000)
        await heard.aclose()
    return times


async def seen(count: int) -> tuple[list[float], list[float], list[float]]:
    """Return milliseconds: of a commit and a NOTIFY, from pause to the stream, from vote to another client's stream."""
    with Ground("postgres") as ground:
        async with Served(ground.fresh()) as served:
            await rate(served, "warm", 20, 1)
            paused, voted, unit = [], [], []
            async with served.connection() as connection:
                for number in range(count):
                    given = {"agent": AGENT, "input": {"input": f"seen-{number}"}}
                    run = (await connection.call("POST", "/api/v1/runs", given))["id"]
                    opened, at = await served.told(run, "opened")
                    paused.append((at - float(opened["ask"]["description"])) * 1000)
                    vote = {"verdict": "approve", "digest": opened["asked_digest"]}
                    began = perf_counter()
                    casting = connection.call("POST", f"/api/v1/requests/{opened['request_id']}/votes", vote)
                    _, (_, at) = await asyncio.gather(casting, served.told(opened["request_id"], "vote_cast"))
                    voted.append((at - began) * 1000)
                    await served.told(run, "run_done")
            unit = await commit_and_notify(ground.fresh(), count)
    return unit, paused, voted


def visible(count: int) -> Iterator[str]:
    yield from ("", "## Over HTTP: until it is seen", "")
    unit, paused, voted = asyncio.run(seen(count))
    one = median(unit)
    yield f"One commit of 300 bytes and one NOTIFY, heard by another connection: {one:.2f} ms (median of {count}, same"
    yield "driver, same server). In multiples of it, medians (95th percentile):"
    yield ""
    yield "| | ms | multiples |"
    yield "|---|---|---|"
    for name, times in (("pause in the node → SSE", paused), ("vote sent → SSE of another client", voted)):
        late = sorted(times)[int(len(times) * 0.95)]
        yield f"| {name} | {median(times):.2f} ({late:.2f}) | {median(times) / one:.1f} ({late / one:.1f}) |"


# ── many who listen ──


async def listen(count: int, rounds: int) -> tuple[float, list[float]]:
    """Return kB for each of so many sockets, and the milliseconds from a vote until the last one has heard of it."""
    with Ground("postgres") as ground:
        async with Served(ground.fresh()) as served:
            await rate(served, "warm", 20, 1)
            before, times = served.memory, []
            listening = await http_client.sockets(served.origin, served.headers, count, b'"vote_cast"')
            each = (served.memory - before) / count / 1000
            async with served.connection() as connection:
                for number in range(rounds):
                    given = {"agent": AGENT, "input": {"input": f"listen-{number}"}}
                    run = (await connection.call("POST", "/api/v1/runs", given))["id"]
                    opened, _ = await served.told(run, "opened")
                    await asyncio.sleep(0.5)  # all have been told of what was before
                    for one in listening:
                        one.heard = asyncio.get_running_loop().create_future()
                    vote, began = {"verdict": "approve", "digest": opened["asked_digest"]}, perf_counter()
                    await connection.call("POST", f"/api/v1/requests/{opened['request_id']}/votes", vote)
                    times.append((max(await asyncio.gather(*(one.heard for one in listening))) - began) * 1000)
                    await served.told(run, "run_done")
            for one in listening:
                one.transport.close()
    return each, times


async def asked(served: Served, count: int) -> list[tuple[str, dict[str, str]]]:
    """Start so many runs; return the request of each, and the vote that approves it."""
    found = []
    async with served.connection() as connection:
        for number in range(count):
            given = {"agent": AGENT, "input": {"input": f"asked-{number}"}}
            run = (await connection.call("POST", "/api/v1/runs", given))["id"]
            opened, _ = await served.told(run, "opened")
            found.append((opened["request_id"], {"verdict": "approve", "digest": opened["asked_digest"]}))
    return found


async def stopped(count: int, votes: int) -> float:
    """Return the seconds from SIGTERM until a server with so many sockets, and votes in flight, is gone."""
    with Ground("postgres") as ground:
        async with Served(ground.fresh()) as served:
            await rate(served, "warm", 5, 1)
            waiting = await asked(served, votes)
            listening = await http_client.sockets(served.origin, served.headers, count, b'"the server stops"')
            lines = [http_client.Connection(served.origin, served.headers) for _ in waiting]
            for line in lines:
                await line.call("GET", "/livez")
            pairs = zip(lines, waiting, strict=True)
            calls = [line.call("POST", f"/api/v1/requests/{request}/votes", vote) for line, (request, vote) in pairs]
            voting = [*map(asyncio.ensure_future, calls)]
            await asyncio.wait(voting, return_when=asyncio.FIRST_COMPLETED)
            began = perf_counter()
            served.process.send_signal(signal.SIGTERM)
            answers = await asyncio.gather(*voting)
            assert {answer["status"] for answer in answers} == {"approved"}, "a vote was not answered"
            await asyncio.gather(*(one.done for one in listening))
            await asyncio.to_thread(served.process.wait)
            gone = perf_counter() - began
            assert all(one.heard.result() is not None for one in listening), "a socket was not told"
    return gone


def listeners(count: int, rounds: int) -> Iterator[str]:
    yield from ("", "## Over HTTP: many who listen", "")
    each, times = asyncio.run(listen(count, rounds))
    yield f"{count:,} WebSockets on one process: {each:.0f} kB each. From sending a vote until the last has heard"
    yield f"of it: {median(times):.0f} ms (median of {rounds}; {min(times):.0f} to {max(times):.0f}), client and server"
    yield "on the same cores."
    gone = asyncio.run(stopped(200, 40))
    yield f"SIGTERM with 200 sockets and 40 votes in flight: each is told, each vote answered; gone after {gone:.2f} s."


# ── many votes at once ──


async def voted(count: int, rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds that so many votes take, each in a call of its own, and all in one call, by turns."""
    singles, batches = [], []
    with Ground("postgres") as ground:
        async with Served(ground.fresh()) as served, served.connection() as connection:
            await rate(served, "warm", 20, 1)
            bot = AgentClient(served.system, Principal("agent:bench", "agent", "default", "bench"))
            for number in range(2 * rounds):
                asked = [
                    await bot.ask(Asked(Action("pay", {"bill": each})), key=f"{number}-{each}") for each in range(count)
                ]
                votes = [{"request_id": one.id, "verdict": "approve", "digest": one.digest} for one in asked]
                began = perf_counter()
                if number % 2:
                    answer = await connection.call("POST", "/api/v1/requests/votes", {"votes": votes})
                    batches.append(perf_counter() - began)
                    assert all(one["status"] == 200 for one in answer["results"]), "a vote was refused"
                    continue
                for vote in votes:
                    await connection.call("POST", f"/api/v1/requests/{vote.pop('request_id')}/votes", vote)
                singles.append(perf_counter() - began)
    return singles, batches


def batch(count: int, rounds: int) -> Iterator[str]:
    yield from ("", "## Over HTTP: many votes at once", "")
    singles, batches = asyncio.run(voted(count, rounds))
    one_by_one, at_once = (f"{median(each) * 1000:.0f} ms" for each in (singles, batches))
    yield f"{count} votes on {count} requests, on PostgreSQL: {one_by_one} in calls of their own, one after the other;"
    yield f"{at_once} in one call. That is {ratio(singles, batches)} times as fast; medians of {rounds}, by turns."


async def beside_streams(numbers: Sequence[int], calls: int) -> dict[int, dict[str, list[float]]]:
    """Return the milliseconds that a GET and a vote take, one after the other, by how many streams are open.

    And those of the server's CPU for a question, a GET and a vote, with all that is told of them.
    """
    found: dict[int, dict[str, list[float]]] = {number: {"GET": [], "vote": [], "CPU": []} for number in numbers}
    with Ground("postgres") as ground:
        async with Served(ground.fresh()) as served, served.connection() as connection:
            known = Authenticator(served.system.store, served.system.directories)
            token = await known.token(
                "default", "agent:bench", scopes=frozenset({Scope.ask}), lasts=timedelta(hours=1), by="bench"
            )
            agent = http_client.Connection(served.origin, {"Authorization": f"Bearer {token.secret}"})
            await rate(served, "warm", 20, 1)
            for number in numbers:
                issued = [await known.session("default", f"local:{one}", by="bench") for one in range(number)]
                headers = [{"Cookie": f"interlock={one.secret}", "Origin": served.origin} for one in issued]
                listening = await http_client.streams(served.origin, headers)
                times, spent = found[number], served.cpu
                for _ in range(calls):
                    key = f"{number}-{len(times['GET'])}"
                    ask = {"asked": {"kind": "approval", "name": "pay", "args": {"key": key}}}
                    asked = await agent.call("POST", "/api/v1/requests", ask, key)
                    await asyncio.sleep(0.1)  # all have been told of it
                    vote, path = {"verdict": "approve", "digest": asked["digest"]}, f"/api/v1/requests/{asked['id']}"
                    began = perf_counter()
                    await connection.call("GET", path)
                    times["GET"].append((perf_counter() - began) * 1000)
                    await asyncio.sleep(0.1)  # a person reads; all have been told that it was viewed
                    began = perf_counter()
                    await connection.call("POST", f"{path}/votes", vote)
                    times["vote"].append((perf_counter() - began) * 1000)
                times["CPU"].append((served.cpu - spent) / calls * 1000)
                for one in listening:
                    one.transport.close()
            agent.close()
    return found


def streams(calls: int) -> Iterator[str]:
    yield from ("", "## Over HTTP: beside open streams", "")
    yield "A GET of a request and, a tenth of a second later, a vote on it, on PostgreSQL, while so many streams of as"
    yield f"many sessions are open, each of which is told of everything ({calls} of each, in two turns). Milliseconds,"
    yield "median (99th percentile); and the CPU that a question, a GET and a vote take the server, with what is told:"
    yield ""
    found = asyncio.run(beside_streams((0, 200, 0, 200), calls // 2))
    yield "| streams | GET | vote | CPU of all three |"
    yield "|---|---|---|---|"
    for number, times in found.items():
        spent = mean(times.pop("CPU"))
        told = [f"{median(each):.1f} ({sorted(each)[int(len(each) * 0.99)]:.1f})" for each in times.values()]
        yield f"| {number} | {' | '.join(told)} | {spent:.1f} |"


# ── workers apart ──


async def apart(workers: int, rounds: int, cycles: int) -> float:
    with Ground("postgres") as ground:
        async with Served(ground.fresh(), workers) as served:
            await rate(served, "warm", 40, 16)
            return median([(await rate(served, f"{number}", cycles, 16))[0] for number in range(rounds)])


def workers(rounds: int, scale: int) -> Iterator[str]:
    yield from ("", "## Over HTTP: worker processes", "")
    yield "Cycles per second, 16 at once: the server works itself, or leaves that to so many processes of"
    yield "`interlock work`."
    yield ""
    found = [(count, asyncio.run(apart(count, rounds, 160 // scale))) for count in (0, 1, 2, 4)]
    yield f"| {' | '.join('itself' if not count else str(count) for count, _ in found)} |"
    yield "|---|---|---|---|"
    yield f"| {' | '.join(f'{each:.0f}' for _, each in found)} |"


# ── where the time goes ──


async def profiled(folder: Path, cycles: int) -> Counter[str]:
    """Return the percentage of the server's event loop that each part takes."""
    with Ground("postgres") as ground:
        async with Served(ground.fresh(), profile=folder / "profile") as served:
            await rate(served, "profiled", cycles, 16)
    spent: Counter[str] = Counter()
    for (file, _, function), (_, _, own, _, _) in pstats.Stats(str(folder / "profile")).stats.items():  # type: ignore[attr-defined]
        beside = "poll" in function or "marshal" in function or "_imp" in function or "importlib" in file
        spent["beside" if beside else "built-in functions" if file == "~" else part_of(file)] += own
    del spent["beside"]
    total = sum(spent.values())
    return Counter({part: 100 * own / total for part, own in spent.items()})  # type: ignore[misc]


def profile(scale: int) -> Iterator[str]:
    yield from ("", "## Over HTTP: where the time goes", "")
    yield "Share of the server's event loop under a profiler, by the package whose own code runs, 16 at once, on"
    yield "PostgreSQL; the store's threads are not in it, and waiting and imports are left out:"
    yield ""
    with Ground("sqlite") as folder:
        shares = asyncio.run(profiled(folder.folder, 480 // scale))
    yield f"{', '.join(f'{part} {share:.0f} %' for part, share in shares.most_common() if share >= 1)}."


def main() -> None:
    """Measure, print, and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "parts", nargs="*", metavar="PART", help="cycles, visible, listeners, batch, streams, workers, profile"
    )
    options.add_argument("--quick", action="store_true", help="small, and nothing is written")
    given = options.parse_args()
    scale, rounds = (4, 2) if given.quick else (1, 5)
    parts: dict[str, Callable[[], Iterator[str]]] = {
        "cycles": partial(cycles, rounds - 1 or 1, scale),  # an even number: no contestant comes first more often
        "visible": partial(visible, 60 // scale),
        "listeners": partial(listeners, 1_000 // scale, rounds),
        "batch": partial(batch, 100 // scale, rounds),
        "streams": partial(streams, 200 // scale),
        "workers": partial(workers, rounds - 2 or 1, scale),
        "profile": partial(profile, scale),
    }
    for name, part in parts.items():
        if not given.parts or name in given.parts:
            lines = []
            for line in part():
                print(line, flush=True)
                lines.append(line)
            if not given.quick:
                results.write(lines)


if __name__ == "__main__":
    main()
