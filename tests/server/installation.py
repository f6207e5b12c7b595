"""A server in a thread of its own, its database, and a command line beside it."""

import asyncio
import threading
from datetime import timedelta

from interlock.agents import AGENTS
from interlock.bootstrap import build, local_person
from interlock.cli.app import run
from interlock.client import connect_blocking
from interlock.config import load_settings
from interlock.domain.credentials import Scope
from interlock.engine.watching import Several
from interlock.service.credentials import Authenticator
from interlock.web.serving import Answering


class Installation:
    """A server in a thread of its own, its database, and a command line."""

    def __init__(self, folder, patch, capture):
        self.folder, self.patch, self.capture = folder, patch, capture
        self.database = str(folder / "server.db")
        self.stop, self.ready = asyncio.Event(), threading.Event()
        self.thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self.thread.start()
        self.ready.wait()

    async def _serve(self):
        self.loop = asyncio.get_running_loop()
        settings = load_settings(None, {"INTERLOCK_DATABASE_URL": self.database})
        system = build(settings, AGENTS)
        answering = Answering.at(system, "127.0.0.1", 0, origin=None, proxies=(), stop=self.stop)
        self.origin = answering.context.origin
        self.authenticator = Authenticator(system.store, system.directories)
        self.link = (await self.authenticator.link("default", local_person(), by="test")).secret
        everything = frozenset(Scope)
        for name in ("agent:bot", "service:cron"):
            made = await self.authenticator.token(
                "default", name, scopes=everything, lasts=timedelta(days=1), by="test"
            )
            setattr(self, name.partition(":")[0], made.secret)
        self.ready.set()
        worker = system.worker(watcher=Several(answering.context.run_streams))
        await asyncio.gather(answering.until_stopped(), worker.run(self.stop))
        await system.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join()

    def run(self, *arguments, given=""):
        stdin = self.folder / "stdin"
        stdin.write_text(given)
        with stdin.open() as file:
            self.patch.setattr("sys.stdin", file)
            code = run(list(arguments))
        out, err = self.capture.readouterr()
        return int(code), out, err

    def here(self, *arguments, **more):
        return self.run("--database", self.database, *arguments, **more)

    def there(self, *arguments, **more):
        return self.run("--server", self.origin, *arguments, **more)

    def sign_in(self):
        done = self.run("login", self.origin, given=f"{self.origin}/sign-in#{self.link}\n")
        assert done[0] == 0, done

    def ask(self, subject):
        with connect_blocking(self.origin, token=self.agent) as bot:
            return bot.ask(subject)
