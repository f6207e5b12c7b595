"""What an agent says and streams, on the screen of whoever stands beside its run."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

from interlock.cli.session import Session
from interlock.domain.canonical import Json, canonical_bytes
from interlock.engine.watching import Streamed
from interlock.service.hostile_text import plain, shortened
from interlock.terminal.screen import Line

AGENT = "[AGENT] "
BAR = "        │ "
LONGEST = 2_000
SILENT = 1.0  # after how many seconds without a word a message is taken to have broken off


class Live:
    """Shows what an agent does while it does it; with `updates`, what each node changes, too. Implements `Watcher`."""

    def __init__(self, session: Session, *, updates: bool = False) -> None:
        self._session = session
        self._turns = MessageOrder()
        self.modes: Collection[str] = ("messages", "custom", "updates") if updates else ("messages", "custom")

    def said(self, run_id: str, text: str) -> None:
        """Show what the agent's author wants seen. See the port."""
        self._session.write({"event": "progress", "run": run_id, "text": text})
        self._lines(text)

    def streamed(self, piece: Streamed) -> None:
        """Show what the graph streams. See the port."""
        namespace = list(piece.namespace)
        self._session.write({"event": piece.mode, "run": piece.run_id, "namespace": namespace, "data": piece.data})
        if piece.mode == "messages":
            self._message(piece.data)
        elif piece.mode == "custom":
            self._lines(piece.data if isinstance(piece.data, str) else _in_one_line(piece.data))
        elif isinstance(piece.data, dict):
            for node, changed in piece.data.items():
                if not node.startswith("__"):
                    self._session.tell(f"— {node}: {_in_one_line(changed)}", "dim")

    def _message(self, data: Json) -> None:
        """Show a piece of what a model says; whole messages are those of tools, people and nodes, and are no stream."""
        message = data[0] if isinstance(data, list) else None
        if not isinstance(message, dict) or message.get("type") != "AIMessageChunk":
            return
        ended = message.get("chunk_position") == "last"
        for text, anew in self._turns.piece(str(message.get("id")), _text(message.get("content")), ended=ended):
            if anew:
                self._session.screen.end_flow()
            self._session.screen.flow(text, lead=AGENT, bar=BAR)

    def _lines(self, text: str) -> None:
        lines = text.splitlines() or [""]
        first = lines[0] if lines[0].startswith(AGENT) else AGENT + lines[0]
        rest = (Line(plain(line), "", BAR, BAR) for line in lines[1:])
        self._session.screen.show(Line(plain(first), "", "", BAR), *rest)


class MessageOrder:
    """Lets one message speak at a time, of those that several models say at once.

    A message waits until the one before it has ended, has said nothing for a second, or keeps it waiting with much.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._speaks = ""
        self._heard = 0.0
        self._waiting: dict[str, str] = {}
        self._ended: set[str] = set()

    def piece(self, message: str, text: str, *, ended: bool) -> Iterator[tuple[str, bool]]:
        """Take one more piece of a message, by its id; yield what is shown now, and whether a message begins by it."""
        now = self._clock()
        is_other = bool(self._speaks) and message != self._speaks
        if is_other and now - self._heard < SILENT and len(self._waiting.get(message, "") + text) < LONGEST:
            self._waiting[message] = self._waiting.get(message, "") + text
            if ended:
                self._ended.add(message)
            return
        yield self._waiting.pop(message, "") + text, message != self._speaks
        self._speaks, self._heard = message, now
        while ended:
            self._speaks = following = next(iter(self._waiting), "")
            if not following:
                return
            yield self._waiting.pop(following), True
            ended = following in self._ended
            self._ended.discard(following)


def _text(content: Json) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(
        block if isinstance(block, str) else str(block.get("text", "")) if block.get("type") == "text" else ""
        for block in blocks
        if isinstance(block, str | dict)
    )


def _in_one_line(value: Json) -> str:
    return shortened(canonical_bytes(value).decode(), LONGEST)
