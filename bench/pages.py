"""Measure the pages over loopback: their weight, how long the first byte and a decision take, and what streams cost.

python bench/pages.py                  # with 1 and 1,000 pending, and each page: about two minutes
python bench/pages.py --million        # with a million as well: three to ten minutes more, and 5 GB of disk
python bench/pages.py --quick          # printed only
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import httpx2
from playwright.async_api import async_playwright
from tests.server.page_routes import OPEN_PAGES, PAGES

import crowd
import run as results
from interlock.agents import AGENTS
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client
from interlock.service.credentials import Authenticator

HERE = Path(__file__).parent
INTERLOCK = str(Path(sys.executable).with_name("interlock"))
PERSON = "mia@example.com"
BROWSERS = 200
REVIEWERS = [PERSON, *(f"r{number}@example.com" for number in range(1, BROWSERS))]
CONFIG = f"people: {{{': {}, '.join(REVIEWERS)}: {{}}}}\n"
CONFIG += f"roles: {{reviewer: [{', '.join(REVIEWERS)}], admin: [{PERSON}]}}\n"
CONFIG += "request_limits: {default: 100000}\nrequests_per_hour: {default: 1000000}\n"
CONFIG += "server: {rates: {calls: unlimited, unknown: unlimited, sign_ins: unlimited}}\n"
CONFIG += "default: {levels: [{steps: [{ask: [role:reviewer], within: 30d}]}]}\n"
ASSET = re.compile(r'(?:src|href)="(/assets/[^"]+)"')
ROW = re.compile(r'data-request="([^"]+)"')
SINCE = re.compile(r'data-since="([^"]+)"')
TURNS = 40
TURNS_EACH = 9
LONGEST_WAIT = 120
"""Seconds after which a measurement that hears nothing is given up."""

FILES = ("/assets/{digest}/{name}", "/log/export", "/log/{stream}/{number}/bytes")
EVENTS = 3
MAIL = "Send email to ann@example.com about the meeting"
OPEN = 20
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
MANY = httpx2.Limits(max_connections=None)
EACH_ALONE = httpx2.Limits(max_connections=None, max_keepalive_connections=0)


def main() -> None:
    """Measure, print, and write the results."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--million", action="store_true")
    given = options.parse_args()
    lines = list(measured((1, 1_000, 1_000_000) if given.million else (1, 1_000)))
    print("\n".join(lines))
    if not given.quick:
        results.write(lines)


def measured(crowds: Sequence[int]) -> Iterator[str]:
    yield "## Pages"
    yield ""
    yield (
        f"Over loopback, one process on SQLite with a worker; medians of {TURNS} and the 95th percentile, in ms; of "
        f"each page by its address {TURNS_EACH}. Load when it began: {os.getloadavg()[0]:.1f}. The weight is what is "
        "transferred to a browser that knows nothing; the decision is the form's POST and the page that it leads to."
    )
    yield ""
    yield "| pending | page | bytes of HTML | with all that it loads | requests | first byte | p95 |"
    yield "|---|---|---|---|---|---|---|"
    more: list[str] = []
    for pending in crowds:
        with tempfile.TemporaryDirectory() as folder:
            rows, others = asyncio.run(Measured(Path(folder), pending).all())
            yield from rows
            more += others
    yield ""
    yield from more


class Measured:
    """One server with so many pending requests."""

    def __init__(self, folder: Path, pending: int) -> None:
        self.folder, self.pending = folder, pending
        (folder / "interlock.yaml").write_text(CONFIG)

    async def all(self) -> tuple[list[str], list[str]]:
        secrets, requests, run_id = await self.filled()
        order = [INTERLOCK, "--config", str(self.folder / "interlock.yaml"), "serve", "--port", "0", "--json"]
        environ = os.environ | {"INTERLOCK_DATABASE_URL": self.url}
        with subprocess.Popen(  # noqa: ASYNC220 - nothing else goes on meanwhile
            [*order, "--no-access-log"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                return await self.of(process, secrets, requests, run_id)
            finally:  # also where something was not as expected: else its end would be awaited for ever
                process.terminate()

    async def of(
        self, process: subprocess.Popen[bytes], secrets: list[str], requests: list[str], run_id: str
    ) -> tuple[list[str], list[str]]:
        assert process.stdout is not None
        origin = json.loads(process.stdout.readline())["origin"]
        headers = {"Cookie": f"interlock={secrets[0]}", "Origin": origin}
        async with httpx2.AsyncClient(base_url=origin, headers=headers, timeout=60, limits=MANY) as client:
            rows = [await self.page(client, "inbox", "/")]
            rows.append(await self.page(client, "request", f"/requests/{requests[0]}"))
            if self.pending == 1_000:
                rows += await self.each_page(client, requests[0], run_id)
            others = [await self.decided(client, requests[: TURNS if self.pending > 1 else 1])]
            if self.pending == 1_000:
                others.append(await self.refreshed(client, secrets, process.pid, requests[-OPEN - EVENTS - 1 :]))
                others.append(await self.told(client, requests[-OPEN - 1 : -1]))
                async with asyncio.timeout(LONGEST_WAIT):
                    others.append(await self.streams(client, process.pid, requests[-1]))
        return rows, others

    @property
    def url(self) -> str:
        return str(self.folder / "bench.db")

    async def filled(self) -> tuple[list[str], list[str], str]:
        """Let an agent ask; return the sessions' secrets, the ids of some requests, and that of a run."""
        settings = load_settings(self.folder / "interlock.yaml", {"INTERLOCK_DATABASE_URL": self.url})
        system = build(settings, AGENTS)
        agent = AgentClient(system, Principal("agent:payer", "agent", "default", "api"))
        asked = [await agent.ask(payment(number), key=str(number)) for number in range(min(self.pending, 1_000))]
        authenticator = Authenticator(system.store, system.directories)
        sessions = [await authenticator.session("default", one, by="bench") for one in REVIEWERS]
        run_id = ""
        if self.pending == 1_000:  # its request is one more
            run_id = (await Client(system, Principal(PERSON, "person", "default", "api")).start("approval", MAIL)).id
            await system.worker().drain()
        await system.close()
        crowd.copy_request(self.url, asked[0].id, self.pending - len(asked))
        return [one.secret for one in sessions], [one.id for one in asked], run_id

    async def each_page(self, client: httpx2.AsyncClient, request_id: str, run_id: str) -> list[str]:
        """Weigh each other page that this reviewer, who is an admin as well, may see; in the order of the addresses."""
        digest = (await client.get(f"/api/v1/requests/{request_id}")).json()["digest"]
        given = {"request_id": request_id, "run_id": run_id, "name": "approval", "part": "subject", "number": 1}
        rows = []
        for method, path in sorted({**PAGES, **OPEN_PAGES}, key=lambda one: one[1]):
            if method != "GET" or path in {*FILES, "/", "/requests/{request_id}"}:
                continue
            address = path.format_map(given | {"stream": request_id}) + (
                "?digest=" + digest if "{part}" in path else ""
            )
            if (await client.get(address)).status_code == 200:  # another leads elsewhere, or says that it is not theirs
                rows.append(await self.page(client, path.replace("{", "").replace("}", ""), address, TURNS_EACH))
        return rows

    async def page(self, client: httpx2.AsyncClient, name: str, path: str, turns: int = TURNS) -> str:
        html = await client.get(path)
        assert html.status_code == 200, html.text[:300]
        loaded = {one: (await client.get(one)).num_bytes_downloaded for one in set(ASSET.findall(html.text))}
        times = []
        for _ in range(turns):
            began = perf_counter()
            async with client.stream("GET", path) as answer:
                times.append(perf_counter() - began)
                await answer.aread()
        size = html.num_bytes_downloaded
        weight = size + sum(loaded.values())
        return (
            f"| {self.pending:,} | {name} | {size:,} | **{weight / 1_000:.0f} kB** | {len(loaded) + 1} | "
            f"{in_ms(median(times))} | {in_ms(quantiles(times, n=20)[-1])} |"
        )

    async def decided(self, client: httpx2.AsyncClient, requests: list[str]) -> str:
        times = []
        for request_id in requests:
            form = await vote_on(client, request_id)
            began = perf_counter()
            answer = await client.post(f"/requests/{request_id}/decide", data=form, follow_redirects=True)
            times.append(perf_counter() - began)
            assert answer.status_code == 200, answer.text[:300]
        return f"With {self.pending:,} pending, from the button to the page that says it: {in_ms(median(times))} ms."

    async def refreshed(self, client: httpx2.AsyncClient, secrets: list[str], pid: int, requests: list[str]) -> str:
        """Let many people look at full inboxes; say what it costs that each page fetches itself again after a vote."""
        cookies = [{"Cookie": f"interlock={one}"} for one in secrets]
        shown = [(await client.get("/", headers=one)).text for one in cookies]
        looks = [{"shown": ",".join(ROW.findall(one)), "since": SINCE.search(one)[1]} for one in shown]
        partial = {"HX-Request": "true", "HX-Request-Type": "partial"}

        costs, lasted, sizes = [], [], []
        async with httpx2.AsyncClient(base_url=client.base_url, timeout=600, limits=EACH_ALONE) as browsers:

            async def look(cookie: dict[str, str], asked: dict[str, str]) -> int:
                answer = await browsers.get("/", params=asked, headers=cookie | partial)
                assert answer.status_code == 200, answer.text[:300]
                return answer.num_bytes_downloaded

            for request_id in requests[:EVENTS]:
                await self.decided(client, [request_id])
                began, before = perf_counter(), cpu(pid)
                sizes += await asyncio.gather(*map(look, cookies, looks))
                lasted.append(perf_counter() - began)
                costs.append(cpu(pid) - before)
        return (
            f"{len(secrets)} people look at inboxes with {self.pending:,} rows; after a vote each page fetches itself "
            f"again: {median(costs):.1f} s of CPU, {median(lasted):.1f} s until the last has it (medians of {EVENTS}), "
            f"{median(sizes) / 1_000:.0f} kB each."
        )

    async def told(self, client: httpx2.AsyncClient, requests: list[str]) -> str:
        """Say how soon a page that is open in a browser says what was decided elsewhere."""
        if CHROMIUM is None:
            return "There is no Chromium: how soon an open page says what was decided elsewhere was not measured."
        times = []
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            context = await browser.new_context(base_url=str(client.base_url))
            secret = client.headers["Cookie"].partition("=")[2]
            await context.add_cookies([{"name": "interlock", "value": secret, "domain": "127.0.0.1", "path": "/"}])
            page = await context.new_page()
            for request_id in requests:
                form = await vote_on(client, request_id, "reject")
                await page.goto(f"/requests/{request_id}")
                await page.locator("body[data-connection=live]").wait_for()
                answer = await client.post(f"/requests/{request_id}/decide", data=form)
                began = perf_counter()
                assert answer.status_code == 303, answer.text[:300]
                await page.locator(".request-status").get_by_text("Rejected", exact=True).wait_for()
                times.append(perf_counter() - began)
            await browser.close()
        return (
            f"From the answer to whoever decides, to the words on a page that is open in a browser elsewhere: "
            f"{in_ms(median(times))} ms, the longest of {len(times)} {in_ms(max(times))} ms."
        )

    async def streams(self, client: httpx2.AsyncClient, pid: int, request_id: str) -> str:
        """Hold so many streams; say what they cost, and how soon the last hears of a vote."""
        before, heard = memory(pid), asyncio.Queue[float]()
        held = [asyncio.ensure_future(hear(client, request_id, heard)) for _ in range(BROWSERS)]
        for _ in held:
            await heard.get()
        cost = (memory(pid) - before) / BROWSERS
        began = perf_counter()
        await self.decided(client, [request_id])
        last = max([await heard.get() for _ in held]) - began
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        return (
            f"{BROWSERS} browsers' streams cost {cost:.0f} kB of memory each; from the button to the last that "
            f"hears of the vote: {in_ms(last)} ms."
        )


async def vote_on(client: httpx2.AsyncClient, request_id: str, verdict: str = "approve") -> dict[str, str]:
    """Return what the form of a request's page sends."""
    digest = (await client.get(f"/api/v1/requests/{request_id}")).json()["digest"]
    return {"verdict": verdict, "digest": digest, "key": f"bench-{request_id}", "comment": ""}


async def hear(client: httpx2.AsyncClient, request_id: str, heard: asyncio.Queue[float]) -> None:
    """Follow the log; tell when the stream has begun, and when a request was voted on."""
    async with client.stream("GET", "/api/v1/events") as answer:
        heard.put_nowait(perf_counter())
        async for line in answer.aiter_lines():
            if request_id in line and '"type":"vote' in line.replace(" ", ""):
                heard.put_nowait(perf_counter())
                return


def payment(number: int) -> Asked:
    args = {"amount": f"{100 + number}.00", "to": "ACME", "lines": [{"item": "paper", "quantity": 4, "price": "25.00"}]}
    return Asked(
        Action("pay", args), description="The invoice of this month", reference=f"INV-{number}" if number else None
    )


def in_ms(seconds: float) -> str:
    return f"{seconds * 1_000:.1f}"


def cpu(pid: int) -> float:
    """Return the CPU time of a process, in seconds."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Return the resident memory of a process, in kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


if __name__ == "__main__":
    main()
