"""A request in the shape of the Responses API as the chat request that asks the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from metier.serving.answering.turns import text_of
from metier.serving.gate.wire import (
    CalledFunction,
    CalledItem,
    ChatMessage,
    ChatRequest,
    ChosenFunction,
    FunctionSchema,
    InputItem,
    JsonSchema,
    NamedFunction,
    NamedTool,
    ResponseFormat,
    ResponseFunction,
    ResponsesRequest,
    ResultItem,
    ServedTool,
    Tool,
    ToolCall,
)


def as_chat(body: ResponsesRequest, opened: Sequence[ChatMessage]) -> ChatRequest:
    """With the messages of the prompt that it names, ``opened``, before its own."""
    messages = []
    if body.instructions:
        messages.append(ChatMessage(role="system", content=body.instructions))
    messages += opened
    if isinstance(body.input, str):
        if body.input or not opened:
            messages.append(ChatMessage(role="user", content=body.input))
    else:
        messages += map(_message, body.input)
    return ChatRequest(
        model=body.model,
        messages=messages,
        max_completion_tokens=body.max_output_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        seed=body.seed,
        enum=body.enum,
        tools=[_tool(tool) for tool in body.tools] if body.tools else None,
        tool_choice=_chosen(body),
        tool_budget=body.tool_budget,
        response_format=_format(body),
    )


def _message(item: InputItem | CalledItem | ResultItem) -> ChatMessage:
    if isinstance(item, InputItem):
        return ChatMessage(role=item.role, content=item.content)
    if isinstance(item, ResultItem):
        return ChatMessage(role="tool", content=text_of(item.output), tool_call_id=item.call_id)
    called = CalledFunction(name=item.name, arguments=item.arguments)
    return ChatMessage(role="assistant", tool_calls=[ToolCall(id=item.call_id, function=called)])


def _tool(tool: ResponseFunction | ServedTool) -> Tool | ServedTool:
    if isinstance(tool, ServedTool):
        return tool
    function = FunctionSchema(
        name=tool.name, description=tool.description, parameters=tool.parameters
    )
    return Tool(type="function", function=function)


def _chosen(body: ResponsesRequest) -> Literal["none", "auto", "required"] | NamedTool | None:
    if isinstance(body.tool_choice, ChosenFunction):
        return NamedTool(type="function", function=NamedFunction(name=body.tool_choice.name))
    return body.tool_choice


def _format(body: ResponsesRequest) -> ResponseFormat | None:
    form = body.text.format if body.text else None
    if form is None:
        return None
    bound = JsonSchema.model_validate({"name": form.name, "schema": form.schema_})
    return ResponseFormat(type=form.type, json_schema=bound)
