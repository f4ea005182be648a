"""A small server that speaks OpenAI's protocol around one model, as vLLM would."""

import json
import threading

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from metier.models.engines.scoring import Item
from metier.models.limits.labels import label_tree
from metier.types import GenerateConfig, Message


def app_around(model):
    app = FastAPI()
    one_at_a_time = threading.Lock()

    @app.post("/v1/chat/completions")
    def complete(asked: dict):
        conversation = tuple(Message(part["role"], part["content"]) for part in asked["messages"])
        if "prompt_logprobs" in asked:
            with one_at_a_time:
                return reply("", prompt_logprobs=prompt_logs(model, conversation))
        config = config_of(asked)
        if asked.get("stream"):
            with one_at_a_time:
                pieces = list(model.stream(conversation, config))
            return StreamingResponse(events(pieces), media_type="text/event-stream")
        with one_at_a_time:
            done = model.generate([conversation], config)[0]
        usage = {
            "prompt_tokens": done.usage.prompt_tokens,
            "completion_tokens": done.usage.completion_tokens,
            "total_tokens": done.usage.prompt_tokens + done.usage.completion_tokens,
        }
        return reply(done.text, usage=usage, finish=done.finish_reason)

    return app


def config_of(asked):
    form = asked.get("response_format")
    return GenerateConfig(
        max_new_tokens=asked["max_tokens"],
        temperature=asked.get("temperature", 1.0),
        top_p=asked.get("top_p", 1.0),
        seed=asked.get("seed", 0),
        stop=tuple(asked.get("stop", ())),
        json_schema=form["json_schema"]["schema"] if form else None,
    )


def prompt_logs(model, conversation):
    """One entry per token of the conversation; the log probability of the answer's tokens."""
    chat = model._chat
    prompt = chat.prompt(conversation[:-1])
    answer = chat.answer(conversation[-1].content)
    entries = [None] + [{"0": {"logprob": 0.0, "decoded_token": "?"}}] * (len(prompt) - 1)
    before = 0.0
    for end in range(1, len(answer) + 1):
        tree = label_tree([answer[:end]])
        total = model._engine.score([Item(prompt, tree)])[0].logs[0]
        token = {"logprob": total - before, "decoded_token": chat.text([answer[end - 1]])}
        entries.append({str(answer[end - 1]): token})
        before = total
    return entries


def reply(text, usage=None, finish="stop", **more):
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
        **more,
    }


def events(pieces):
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    for piece in pieces:
        choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
        yield f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n"
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    yield f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"


def scripted(answers):
    """An upstream at fault on purpose: gives (status, body, headers) in turn, the last for ever.

    A body that is a text is sent as it is.
    """
    app = FastAPI()
    app.state.seen = []

    @app.post("/v1/chat/completions")
    async def complete(request: Request):
        app.state.seen.append(await request.json())
        place = min(len(app.state.seen), len(answers)) - 1
        status, body, headers = answers[place]
        if isinstance(body, str):
            return Response(body, status_code=status, headers=headers)
        return JSONResponse(body, status_code=status, headers=headers)

    return app
