"""A chat request in OpenAI's words as a conversation, settings and a way to read the answer."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from metier.serving.engines.reading import Written
from metier.serving.gate.wire import (
    ChatMessage,
    ChatRequest,
    ContentPart,
    NamedTool,
    Object,
    Sampling,
    Tool,
)
from metier.serving.refusal import Refusal
from metier.types import Conversation, GenerateConfig, Json, Message, Role

DEFAULT_TOKENS = 512
"""Where the client sets no limit; OpenAI's own default is what the model can, which a small model
that does not find its end would use up every time."""

JsonMessage = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model is asked, and what its text means."""

    conversation: Conversation
    config: GenerateConfig
    read: Callable[[str], JsonMessage] | None = None
    """From the whole text to the message's fields; None when the text is the message."""


def message_of(written: Written, turn: Turn) -> JsonMessage:
    """What a whole answer says; its text is read once, since a reply may look like a call."""
    if written.end is not None and written.end.message is not None:
        return dict(written.end.message)
    return {"content": written.text} if turn.read is None else turn.read(written.text)


def turn_of(request: ChatRequest) -> Turn:
    """Lay out a chat request; ``Refusal`` 400 for what contradicts itself."""
    conversation = conversation_of(request.messages)
    config = sampling(request, request.max_completion_tokens or request.max_tokens)
    _check_forms(request)
    if request.enum:
        return Turn(conversation, replace(config, choices=tuple(dict.fromkeys(request.enum))))
    if request.functions and request.tool_choice != "none":
        return _with_tools(request, conversation, config)
    schema = _schema(request)
    return Turn(conversation, config if schema is None else replace(config, json_schema=schema))


def sampling(request: Sampling, max_tokens: int | None) -> GenerateConfig:
    """Greedy unless a temperature is asked for; without a seed, sampling differs every time."""
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    if len(stop) > 16 or not all(stop):
        raise Refusal(400, "stop takes up to 16 texts, none of them empty", param="stop")
    seed = secrets.randbits(31) if request.seed is None else request.seed % 2**62
    return GenerateConfig(
        max_new_tokens=max_tokens or DEFAULT_TOKENS,
        temperature=request.temperature or 0.0,
        top_p=1.0 if request.top_p is None else request.top_p,
        top_k=request.top_k,
        seed=seed if request.temperature else 0,
        stop=tuple(stop),
    )


def conversation_of(messages: Sequence[ChatMessage]) -> Conversation:
    """Roles that models do not know become ones that they do."""
    turns = tuple(_message(message) for message in messages)
    if not any(turn.content.strip() for turn in turns):
        raise Refusal(400, "the messages hold no text", param="messages")
    return turns


def text_of(content: str | list[ContentPart] | None) -> str:
    """The text of a message; ``Refusal`` 400 for images and sound."""
    if content is None or isinstance(content, str):
        return content or ""
    for part in content:
        if part.text is None:
            raise Refusal(400, f"content of type {part.type!r} cannot be read", param="messages")
    return "".join(part.text or "" for part in content)


def last_text(messages: Sequence[ChatMessage]) -> str:
    """What the last message says, for the log; nothing of what cannot be read."""
    content = messages[-1].content if messages else None
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text or "" for part in content)


def _message(message: ChatMessage) -> Message:
    text = text_of(message.content)
    if message.role == "tool":
        return Message("user", f"Result of the call {message.tool_call_id or ''}:\n{text}")
    if message.tool_calls:
        calls = [
            {"name": call.function.name, "arguments": _parsed(call.function.arguments)}
            for call in message.tool_calls
        ]
        text += "\n".join(json.dumps(call) for call in calls)
    role: Role = "system" if message.role == "developer" else message.role
    return Message(role, text)


def _parsed(arguments: str) -> Json:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def _check_forms(request: ChatRequest) -> None:
    bound = request.response_format is not None and request.response_format.type != "text"
    called = bool(request.functions) and request.tool_choice != "none"
    if bool(request.enum) + bound + called > 1:
        raise Refusal(
            400, "ask for one form of answer: enum, response_format or tools", param="enum"
        )
    if request.tool_choice not in (None, "none", "auto") and not request.functions:
        raise Refusal(400, "tool_choice needs tools", param="tool_choice")
    if request.top_logprobs is not None and not request.logprobs:
        raise Refusal(400, "top_logprobs needs logprobs: true", param="top_logprobs")


def _schema(request: ChatRequest) -> Object | None:
    form = request.response_format
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return {"type": "object"}
    if form.json_schema is None or form.json_schema.schema_ is None:
        raise Refusal(400, "json_schema needs a schema", param="response_format.json_schema.schema")
    return form.json_schema.schema_


def _with_tools(request: ChatRequest, conversation: Conversation, config: GenerateConfig) -> Turn:
    """Bind the answer to a call of one of the tools, or, where the model may choose, to a reply.

    Binding makes every call valid JSON with valid arguments, also from models that were never
    taught to call.
    """
    tools = _chosen_tools(request)
    forms: list[Json] = [
        _call_form(tool.function.name, tool.function.parameters or {"type": "object"})
        for tool in tools
    ]
    free = request.tool_choice in (None, "auto")
    if free:
        forms.insert(0, _form("content", {"type": "string"}))
    told = [f"- {json.dumps(tool.function.model_dump(exclude_none=True))}" for tool in tools]
    how = 'Call one as {"name": ..., "arguments": {...}}'
    how += ', or reply as {"content": "..."}.' if free else "."
    system = "\n".join(["You can call these functions:", *told, how])
    if conversation[0].role == "system":
        first = Message("system", f"{conversation[0].content}\n\n{system}")
        laid = (first, *conversation[1:])
    else:
        laid = (Message("system", system), *conversation)
    schema = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return Turn(laid, replace(config, json_schema=schema), read_call)


def _chosen_tools(request: ChatRequest) -> Sequence[Tool]:
    tools = request.functions
    choice = request.tool_choice
    if not isinstance(choice, NamedTool):
        return tools
    named = [tool for tool in tools if tool.function.name == choice.function.name]
    if not named:
        raise Refusal(
            400,
            f"tool_choice names {choice.function.name!r}, which is not among the tools",
            param="tool_choice",
        )
    return named


def _call_form(name: str, parameters: Json) -> Json:
    form = {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
    if isinstance(parameters, dict) and "$defs" in parameters:  # references start at the root
        form["$defs"] = parameters["$defs"]
    return form


def _form(key: str, schema: Json) -> Json:
    return {
        "type": "object",
        "properties": {key: schema},
        "required": [key],
        "additionalProperties": False,
    }


def read_call(text: str) -> JsonMessage:
    """A call or a reply; what a limit cut off in the middle stays text."""
    try:
        said = json.loads(text)
    except ValueError:
        return {"content": _cut_off(text)}
    if not isinstance(said, dict) or "name" not in said:
        return {"content": said.get("content", text) if isinstance(said, dict) else text}
    arguments = json.dumps(said.get("arguments", {}), ensure_ascii=False)
    call = {
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": said["name"], "arguments": arguments},
    }
    return {"content": None, "tool_calls": [call]}


def _cut_off(text: str) -> str:
    """What was said in a reply that a limit ended before its closing quote."""
    begun = re.match(r'\s*\{\s*"content"\s*:\s*"', text)
    if begun is None:
        return text
    for end in range(len(text), max(begun.end(), len(text) - 6) - 1, -1):  # half an escape
        try:
            said: str = json.loads(f'"{text[begun.end() : end]}"')
        except ValueError:
            continue
        return said
    return text


def reply_only(config: GenerateConfig) -> GenerateConfig:
    """Bind the answer to a reply: a small model goes on calling when it has called before."""
    return replace(config, json_schema=_form("content", {"type": "string"}))
