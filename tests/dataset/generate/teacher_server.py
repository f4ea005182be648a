"""An upstream that plays the teacher: it reads the passage, and can be at fault in every way."""

import json
import re
import threading
import time

from fastapi import FastAPI
from fastapi.responses import JSONResponse

SENTENCE = re.compile(r"“(.+)”\nWrite the question alone")
TAIL = re.compile(r"goes before “(.*)” in it\?")


def teacher(fault=None, *, slow=0.0):
    """``fault`` is given the request's number and body and may answer (status, body) itself."""
    app = FastAPI()
    app.state.seen = []
    lock = threading.Lock()

    @app.post("/v1/chat/completions")
    def complete(asked: dict):
        with lock:
            app.state.seen.append(asked)
            number = len(app.state.seen)
        time.sleep(slow)
        if fault is not None and (wrong := fault(number, asked)) is not None:
            status, body = wrong
            headers = {"retry-after-ms": "5"}
            return JSONResponse(body, status_code=status, headers=headers)
        return said(answer(asked))

    return app


def answer(asked):
    """What a good teacher says: a question about the sentence, its first words as answer."""
    text = asked["messages"][-1]["content"]
    if "response_format" not in asked:
        sentence = SENTENCE.search(text).group(1)
        return f"What goes before “{' '.join(sentence.split()[3:]).rstrip('.')}” in it?"
    question = re.search(r"Answer this question from the passage alone: (.*)", text).group(1)
    passage = " ".join(text.split("\n\nAnswer this question")[0].split("\n\n", 1)[1].split())
    tail = TAIL.search(question).group(1)
    sentence = next(s for s in re.split(r"(?<=\.)\s+", passage) if tail in s)
    return json.dumps({"quotes": [sentence], "answer": " ".join(sentence.split()[:3])})


def said(text, finish="stop"):
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def is_answerer(asked):
    return "response_format" in asked
