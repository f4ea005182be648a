"""One round of the model's writing: questions for orders, then answers for the questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metier.dataset.generate.menu import Order
from metier.dataset.generate.personas import spoken
from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.writers.answer import Answered, answer_questions
from metier.dataset.generate.writers.ask import ask_questions
from metier.dataset.generate.writers.teacher import Reply, Teacher
from metier.types import Verdict, content_hash


@dataclass(frozen=True, slots=True)
class Writers:
    """The two roles; one model may play both."""

    asker: Teacher
    answerer: Teacher


def write(orders: Sequence[Order], writers: Writers, plan: GenerationPlan) -> list[Proposal]:
    """A proposal for each order; what went wrong is its first verdict."""
    asked = ask_questions(orders, writers.asker, plan.asker_persona)
    open_places = [place for place, (question, _) in enumerate(asked) if question is not None]
    pairs = [(orders[place].passage, asked[place][0] or "") for place in open_places]
    answers = dict(
        zip(
            open_places,
            answer_questions(pairs, writers.answerer, plan.answerer_persona),
            strict=True,
        )
    )
    return [
        _proposal(order, asked[place], answers.get(place), (writers, plan))
        for place, order in enumerate(orders)
    ]


def _proposal(
    order: Order,
    asked: tuple[str | None, Reply | None],
    answered: tuple[Answered, Reply] | None,
    by: tuple[Writers, GenerationPlan],
) -> Proposal:
    question, reply = asked
    writers, plan = by
    said = answered[0] if answered else Answered("", ())
    keys = [r.key for r in (reply, answered[1] if answered else None) if r is not None]
    by_asker = reply is not None
    proposal = Proposal(
        passage=order.passage,
        kind=order.kind,
        question=question or (reply.text or "" if reply else ""),
        answer=said.answer,
        generator=writers.asker.name if by_asker else writers.answerer.name,
        quotes=said.quotes,
        answerer=writers.answerer.name,
        persona=spoken(plan.asker_persona, order.passage.subject) if by_asker else "",
        answerer_persona=spoken(plan.answerer_persona, order.passage.subject) if answered else "",
        prompt=content_hash(keys),
    )
    problem = said.problem if question else _no_question(reply)
    return proposal if problem is None else proposal.judged(Verdict("written", False, problem))


def _no_question(reply: Reply | None) -> str:
    if reply is None or reply.text is None:
        return "the model did not answer"
    return "the asker wrote no question"
