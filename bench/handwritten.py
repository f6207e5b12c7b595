"""What somebody writes by hand: FastAPI, LangGraph and its `AsyncPostgresSaver`, and nothing that is not needed.

python bench/handwritten.py ADDRESS DURABILITY    # prints where it answers

Nobody is asked who they are, no policy says who decides, nothing is logged, no list tells what waits, and nothing keeps
two resumes from acting twice. A start answers with the interrupt, and a decision with the end.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import uvicorn
from fastapi import FastAPI
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.types import Command
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from http_graphs import bare
from interlock.cli.serve import event_loop
from interlock.web.serving import bound


class Start(BaseModel):
    input: str


class Decision(BaseModel):
    interrupt_id: str
    approved: bool


def service(address: str, durability: Any) -> FastAPI:
    graph: Any = None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal graph
        how = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        async with AsyncConnectionPool(address, min_size=4, max_size=16, open=False, kwargs=how) as pool:
            saver = AsyncPostgresSaver(pool)  # type: ignore[arg-type]  # as its documentation has it
            await saver.setup()
            graph = bare.compile(checkpointer=saver)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/runs")
    async def start(body: Start) -> dict[str, Any]:
        thread = uuid.uuid4().hex
        found = await graph.ainvoke({"input": body.input}, config_of(thread), durability=durability)
        (waiting,) = found["__interrupt__"]
        return {"thread": thread, "interrupt_id": waiting.id, "asked": waiting.value}

    @app.post("/runs/{thread}/decision")
    async def decide(thread: str, body: Decision) -> dict[str, Any]:
        resume = Command(resume={body.interrupt_id: body.approved})
        return await graph.ainvoke(resume, config_of(thread), durability=durability)

    return app


def config_of(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


async def main(address: str, durability: str) -> None:
    listening = bound("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(service(address, durability), log_config=None, access_log=False)
    await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=event_loop()) as runner:  # as `interlock serve`
        runner.run(main(*sys.argv[1:]))
