"""An OpenAI-compatible endpoint around one local model, which answers what waits in one batch.

``python -m benchmarks.batching_server --port 8123``. Requests with the same settings that wait
together are one batch of the engine; a beginning that they share is read once. It serves every
arm of a benchmark alike.
"""

from __future__ import annotations

import argparse
import queue
import threading
import time
from concurrent.futures import Future
from typing import Any, NamedTuple

import uvicorn
from fastapi import FastAPI

from metier.models.registry import LocalModels
from metier.protocols import LanguageModel
from metier.types import Completion, Conversation, GenerateConfig, Json, Message

MOST = 64
GATHER = 0.03
"""Seconds in which the requests of one client's batch have all arrived."""


class Waiting(NamedTuple):
    """One request."""

    conversation: Conversation
    config: GenerateConfig
    answer: Future[Completion]


def main() -> None:
    """Load the model and serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--port", type=int, default=8123)
    options = parser.parse_args()
    app = app_around(LocalModels().language_model(options.model))
    uvicorn.run(app, port=options.port, log_level="critical")


def app_around(model: LanguageModel) -> FastAPI:
    """The endpoint."""
    waiting: queue.Queue[Waiting] = queue.Queue()
    threading.Thread(target=_answer, args=(model, waiting), daemon=True).start()
    app = FastAPI()
    app.state.requests = 0

    @app.get("/v1/models")
    def models() -> Json:
        return {"object": "list", "data": [{"id": model.name, "object": "model"}]}

    @app.post("/v1/chat/completions")
    def complete(asked: dict[str, Any]) -> Json:
        app.state.requests += 1
        conversation = tuple(Message(m["role"], m["content"]) for m in asked["messages"])
        one = Waiting(conversation, _config(asked), Future())
        waiting.put(one)
        return _reply(model.name, one.answer.result())

    return app


def _answer(model: LanguageModel, waiting: queue.Queue[Waiting]) -> None:
    held: list[Waiting] = []
    while True:
        held.append(held.pop(0) if held else waiting.get())
        time.sleep(GATHER)
        while not waiting.empty():
            held.append(waiting.get())
        first = held[0].config
        batch = [one for one in held if one.config == first][:MOST]
        held = [one for one in held if one not in batch]
        try:
            done = model.generate([one.conversation for one in batch], first)
            for one, completion in zip(batch, done, strict=True):
                one.answer.set_result(completion)
        except Exception as error:  # each client is told; the next batch may be well
            for one in batch:
                one.answer.set_exception(error)


def _config(asked: dict[str, Any]) -> GenerateConfig:
    form = asked.get("response_format") or {}
    stop = asked.get("stop") or ()
    return GenerateConfig(
        max_new_tokens=asked.get("max_tokens") or 256,
        temperature=asked.get("temperature", 1.0),
        top_p=asked.get("top_p", 1.0),
        seed=asked.get("seed") or 0,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        json_schema=form["json_schema"]["schema"] if form.get("type") == "json_schema" else None,
    )


def _reply(name: str, done: Completion) -> Json:
    usage = {
        "prompt_tokens": done.usage.prompt_tokens,
        "completion_tokens": done.usage.completion_tokens,
        "total_tokens": done.usage.prompt_tokens + done.usage.completion_tokens,
    }
    message = {"role": "assistant", "content": done.text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": name,
        "choices": [{"index": 0, "message": message, "finish_reason": done.finish_reason}],
        "usage": usage,
    }


if __name__ == "__main__":
    main()
