"""Which model answers: the one named, or the one that ``auto`` finds."""

from __future__ import annotations

from dataclasses import asdict

from metier.methods.classify import question
from metier.serving.answering.plan_loop import with_plan
from metier.serving.answering.tool_loop import with_tools
from metier.serving.answering.turns import Turn, turn_of
from metier.serving.catalogue.auto import NAME
from metier.serving.catalogue.router import Router
from metier.serving.engines.writing import Writer
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import ChatRequest
from metier.serving.refusal import unknown_model
from metier.tracing import span


async def posed(body: ChatRequest, visit: Visit) -> tuple[Writer, Turn]:
    """Who writes, and what is asked: the model, or one behind tools or a plan."""
    if body.plan is not None or body.served:
        named = body.model_copy(update={"model": _caller_of_tools(visit, body.model)})
        return with_tools(named, visit) if body.plan is None else with_plan(named, visit)
    turn = turn_of(body)
    return await _choose(visit, body.model, turn), turn


async def _choose(visit: Visit, name: str, turn: Turn) -> Writer:
    """The writer asked for; for ``auto`` the one that the router finds.

    A specialist answers in its own form, so what binds the form goes to the generalist.
    """
    auto = visit.gateway.auto
    if name != NAME or auto is None:
        return visit.writer(name)
    router = auto.router(visit.caller.tenant)
    if router is None:
        raise unknown_model(name)
    if turn.config.choices or turn.config.json_schema is not None:
        return visit.writer(_unrouted(visit, router, "the form of the answer is bound"))
    with span("route"):
        route = await auto.route(question(turn.conversation), router)
    visit.routing = asdict(route)
    return visit.writer(route.model)


def _caller_of_tools(visit: Visit, name: str) -> str:
    """Who calls the server's tools: the model asked for, and the generalist for ``auto``."""
    auto = visit.gateway.auto
    router = auto.router(visit.caller.tenant) if auto is not None and name == NAME else None
    return name if router is None else _unrouted(visit, router, "tools are offered")


def _unrouted(visit: Visit, router: Router, why: str) -> str:
    visit.routing = {"model": router.generalist, "because": why}
    return router.generalist
