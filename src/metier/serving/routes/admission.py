"""The way into a route: the key is checked before the body is read, and every end counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from metier.serving.gate.gateway import Visit
from metier.serving.refusal import Refusal, invalid, refusal_of
from metier.serving.routes.replies import accounted, gateway_of

MOST_BYTES = 8 << 20
"""Of a body; far more than any context window."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])


@dataclass(frozen=True, slots=True)
class Needs:
    """What a caller must bring, and how the request is accounted for."""

    route: str
    """As metrics and log call it."""
    scope: str | None
    """None where any key will do."""
    logged: bool


def needs(route: str, scope: str | None, *, logged: bool = True) -> Callable[[Endpoint], Endpoint]:
    """Say what an endpoint needs. What only reads is not logged, unless it is refused."""

    def said(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _NEEDS, Needs(route, scope, logged))
        return endpoint

    return said


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """Say that an endpoint asks nobody for a key, and is not accounted for."""
    setattr(endpoint, _NEEDS, None)
    return endpoint


_NEEDS = "_needs"


class Admitting(APIRoute):
    """A route whose endpoint says what it ``needs``; ``visit_of`` then has the admitted request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint behind the gate."""
        answer = super().get_route_handler()
        needed: Needs | None = getattr(self.endpoint, _NEEDS)
        if needed is None:
            return answer

        async def admitted(request: Request) -> Response:
            visit = gateway_of(request).admit(
                needed.route, needed.scope, request.headers, logged=needed.logged
            )
            request.state.visit = visit
            async with accounted(visit):
                try:
                    return await answer(Request(request.scope, _bounded(request)))
                except (RequestValidationError, HTTPException) as error:
                    raise as_refusal(error) from error

        return admitted


def visit_of(request: Request) -> Visit:
    """The request as it was admitted."""
    visit: Visit = request.state.visit
    return visit


def as_refusal(error: Exception) -> Refusal:
    """Any error as an answer, the framework's own among them."""
    if isinstance(error, RequestValidationError):
        return invalid(error.errors())
    if isinstance(error, HTTPException):
        return Refusal(error.status_code, str(error.detail), headers=error.headers)
    return refusal_of(error)


def _bounded(request: Request) -> Receive:
    """The body in its parts, until it is too large; what its head says is not believed."""
    told = request.headers.get("content-length", "0")
    if not told.isdigit() or int(told) > MOST_BYTES:
        raise _too_large()
    count = 0

    async def receive() -> Message:
        nonlocal count
        message = await request.receive()
        count += len(message.get("body", b""))
        if count > MOST_BYTES:
            raise _too_large()
        return message

    return receive


def _too_large() -> HTTPException:
    """The one error that FastAPI hands on when a body cannot be read."""
    return HTTPException(413, f"a body has at most {MOST_BYTES:,} bytes")
