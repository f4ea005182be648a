"""The whole way from passages to verified rows, least covered first, until a budget is spent."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from metier.dataset.generate.checks.checker import Known, measure
from metier.dataset.generate.checks.duplicates import Asked
from metier.dataset.generate.checks.kinds import asked_for
from metier.dataset.generate.checks.model_checker import ModelChecker
from metier.dataset.generate.checks.reader import ModelReader, Reader, SpanReader
from metier.dataset.generate.checks.verify import Checks, verify
from metier.dataset.generate.coverage import coverage
from metier.dataset.generate.hints import weak_teachers
from metier.dataset.generate.menu import FULL, ByDocument, Order, Queue, chance, orders
from metier.dataset.generate.plan import (
    FIRST_BATCH,
    SPANS,
    TEXT,
    GenerationPlan,
)
from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.text.passage import Passage, passages
from metier.dataset.generate.text.sentences import one_line
from metier.dataset.generate.text.wording import bare
from metier.dataset.generate.writers.ledger import Ledger, MemoryLedger
from metier.dataset.generate.writers.patterns import GENERATOR, every_fact, unanswerable
from metier.dataset.generate.writers.teacher import Teacher
from metier.dataset.generate.writers.writing import Writers, write
from metier.errors import EmptyStageError
from metier.protocols import Corpus, Models, Progress, SupportChecker, silent
from metier.retrieval.grounding.support import TextChecker
from metier.stats import proportion
from metier.types import GeneratedRow, GenerationReport, QuestionKind, Usage


@dataclass(frozen=True, slots=True)
class Generated:
    """What a generation made; rejected rows keep their reason."""

    accepted: tuple[GeneratedRow, ...]
    rejected: tuple[GeneratedRow, ...]
    report: GenerationReport


@dataclass(frozen=True, slots=True)
class Parts:
    """What the run is done with."""

    models: Models
    ledger: Ledger | None = None
    """Where answers are kept; None forgets them with the process."""
    checker: SupportChecker | None = None
    """Judges whether the evidence says the answer; None has the plan's do it."""
    progress: Progress = silent


def generate(corpus: Corpus, plan: GenerationPlan, parts: Parts) -> Generated:
    """Questions and answers about a corpus, each with the verdicts of its checks.

    Raises ``EmptyStageError`` that names the checks when nothing was accepted of the first
    proposals, and ``EndpointError`` when a remote model is down; what was answered is kept.
    """
    run = _Run(list(passages(corpus, plan.subject)), plan, parts)
    run.by_patterns()
    run.by_models()
    return run.result()


class _Run:
    """The state of one generation."""

    def __init__(self, read: Sequence[Passage], plan: GenerationPlan, parts: Parts) -> None:
        if not read:
            raise EmptyStageError("generate", {"no passage": 0})
        self.passages = read
        self.plan = plan
        self.progress = parts.progress
        self.started = time.monotonic()
        self._ledger = parts.ledger or MemoryLedger()
        self._models = parts.models
        self._teachers: dict[str, Teacher] = {}
        self.checks = Checks(plan, self._reader(), parts.checker or self._checker(), Asked())
        self.judged: list[Proposal] = []
        self.found: dict[str, list[Proposal]] = {}
        """The facts of each passage, by its chunk's id."""
        self.tally: dict[QuestionKind, Counter[bool]] = defaultdict(Counter)
        self.counts: Counter[str] = Counter()
        """Accepted questions that cover something, by chunk."""
        self.documents: Counter[str] = Counter()
        """The same by document."""
        self.covered: dict[str, set[int]] = defaultdict(set)
        """Where the sentences begin that they are about."""
        self.accepted = 0
        self.stopped: str | None = None

    def by_patterns(self) -> None:
        """Rows about facts that are found by their form; no model writes them."""
        self.found = every_fact(self.passages, self.plan.rules)
        if self.plan.patterns:
            waiting = self._pattern_proposals()
            total, done = sum(map(len, waiting.values())), 0
            for turn in range(max(map(len, waiting.values()), default=0)):
                done = self._take_turn([w[turn : turn + 1] for w in waiting.values()], done, total)

    def by_models(self) -> None:
        """Rows that the asker and the answerer write, the least covered passages first."""
        queue = Queue(self.passages, self.plan)
        queue.start_with(self._accepted_by_passage())
        width = max(1, self.plan.batch // max(1, len(self.plan.menu)))
        rounds = 0
        while self._may_go_on() and (turns := queue.take(width)):
            given_up = frozenset(self.given_up())
            wanted = [
                order
                for number, turn in turns
                for order in self._orders(self.passages[number], turn, given_up)
            ]
            if wanted:
                self._take([self._with_fact(p) for p in write(wanted, self._writers(), self.plan)])
            counts = self._accepted_by_passage()
            for number, turn in turns:
                queue.put_back(number, turn, counts[number])
            rounds += len(turns)
            self.progress(rounds, queue.total, "turns of passages that the model was asked about")

    def given_up(self) -> list[QuestionKind]:
        """Kinds of which too few of the model's rows passed."""
        return [kind for kind, tally in self.tally.items() if self.plan.gives_up(tally)]

    def result(self) -> Generated:
        """All rows and how they came about."""
        if not self.accepted:
            raise self._nothing_kept()
        accepted = [p for p in self.judged if p.dropped is None]
        rejected = [p for p in self.judged if p.dropped is not None]
        return Generated(
            tuple(p.row() for p in accepted),
            tuple(p.row() for p in rejected),
            self._report(accepted),
        )

    # --- parts ----------------------------------------------------------------------------------

    def _pattern_proposals(self) -> dict[str, list[Proposal]]:
        """What is asked about each passage in turn, by its chunk's id."""
        with_facts = [p for p in self.passages if self.found[p.chunk.id]]
        waiting = {}
        for place, passage in enumerate(with_facts):
            first, *others = self.found[passage.chunk.id][: self.plan.patterns]
            waiting[passage.chunk.id] = [first, *self._not_said(place, with_facts), *others]
        return waiting

    def _not_said(self, place: int, with_facts: Sequence[Passage]) -> list[Proposal]:
        """A question that the passage's document does not answer."""
        if not self.plan.menu.get("unanswerable"):
            return []
        # The next documents' facts, in a fixed order: nothing random to repeat.
        # Each passage begins elsewhere, or all of a document would ask the same.
        others = (with_facts[(7 * place + step) % len(with_facts)] for step in range(1, 30))
        made = (unanswerable(with_facts[place], self.found[o.chunk.id][-1]) for o in others)
        return list(islice(filter(None, made), 1))

    def _take_turn(self, turn: Sequence[Sequence[Proposal]], done: int, total: int) -> int:
        """One question about each passage; how many are done then.

        The least covered document comes first, and of it the least covered passage.
        """

        def least_covered(proposal: Proposal) -> tuple[int, str]:
            passage = proposal.passage
            return self.counts[passage.chunk.id], chance(passage, self.plan.seed)

        waiting = ByDocument(
            sorted((p for found in turn for p in found), key=least_covered),
            self.documents,
            self.plan.seed,
        )
        while self._may_go_on() and (block := waiting.take(self.plan.batch)):
            self._take(block)
            waiting.judged()
            done += len(block)
            self.progress(done, total, "facts asked")
        return done

    def _orders(
        self, passage: Passage, turn: int, given_up: frozenset[QuestionKind]
    ) -> list[Order]:
        return orders(passage, turn, self.plan, given_up, self.covered[passage.chunk.id])

    def _take(self, proposals: Sequence[Proposal]) -> None:
        for proposal in verify(proposals, self.checks):
            if self.plan.questions is not None and self.accepted >= self.plan.questions:
                return
            self.judged.append(proposal)
            self.accepted += proposal.dropped is None
            if proposal.dropped is None and proposal.kind != "unanswerable":
                chunk = proposal.passage.chunk.id
                self.counts[chunk] += 1
                self.documents[proposal.passage.document.id] += 1
                self.covered[chunk].update(start for start, _ in proposal.places)
            if proposal.answerer:
                self.tally[proposal.kind][proposal.dropped is None] += 1
        if not self.accepted and len(self.judged) >= FIRST_BATCH:
            raise self._nothing_kept()

    def _with_fact(self, proposal: Proposal) -> Proposal:
        """The known fact that a model's row is about, else a fact of its own."""
        answer = one_line(proposal.answer).casefold()
        for fact in self.found[proposal.passage.chunk.id]:
            if (
                answer
                and fact.answer.casefold() in answer
                and len(answer) < 3 * len(fact.answer) + 20
            ):
                return replace(proposal, fact=fact.fact)
        return replace(proposal, fact=f"{proposal.passage.chunk.start}:{answer[:80]}")

    def _may_go_on(self) -> bool:
        plan, minutes = self.plan, self._seconds() / 60
        if plan.questions is not None and self.accepted >= plan.questions:
            self.stopped = "questions"
        elif plan.minutes is not None and minutes >= plan.minutes:
            self.stopped = "minutes"
        elif plan.dollars is not None and self._dollars() >= plan.dollars:
            self.stopped = "dollars"
        return self.stopped is None

    def _seconds(self) -> float:
        """Of this process, and of those that were killed as far as their answers are used again."""
        before = sum(teacher.seconds_before for teacher in self._teachers.values())
        return time.monotonic() - self.started + before

    def _dollars(self) -> float:
        prices = self.plan.prices
        return sum(
            prices[name].of(one.usage + one.usage_before)
            for name, one in self._teachers.items()
            if name in prices
        )

    def _usage(self) -> Usage:
        return sum((teacher.usage for teacher in self._teachers.values()), Usage())

    def _accepted_by_passage(self) -> list[int]:
        return [self.counts[passage.chunk.id] for passage in self.passages]

    def _writers(self) -> Writers:
        return Writers(self._teacher(self.plan.asker), self._teacher(self.plan.answerer))

    def _teacher(self, name: str) -> Teacher:
        if name not in self._teachers:
            model = self._models.language_model(name)
            self._teachers[name] = Teacher(model, self._ledger)
        return self._teachers[name]

    def _reader(self) -> Reader:
        if self.plan.reader == SPANS:
            return SpanReader(self._models.embedder(self.plan.embedder))
        return ModelReader(self._teacher(self.plan.reader))

    def _checker(self) -> SupportChecker:
        if self.plan.checker == TEXT:
            return TextChecker()
        return ModelChecker(self._teacher(self.plan.checker))

    def _reasons(self) -> dict[str, int]:
        found = Counter(p.dropped for p in self.judged if p.dropped is not None)
        return dict(found.most_common())

    def _nothing_kept(self) -> EmptyStageError:
        return EmptyStageError(
            "generate",
            self._reasons() or self._nothing_asked(),
            mend="; ".join(weak_teachers(self.judged, self.plan)),
        )

    def _nothing_asked(self) -> dict[str, int]:
        """Why no question came up at all."""
        if self.stopped is not None:
            return {f"the budget of {self.stopped} was spent before anything was asked": 0}
        count = len(self.passages)
        reasons = {"passages without a fact of a known form": count} if self.plan.patterns else {}
        if any(self.plan.menu.values()):
            reasons[f"passages without a sentence of {FULL} words to ask about"] = count
        return reasons or {"neither patterns nor a menu were asked for": 0}

    def _report(self, accepted: Sequence[Proposal]) -> GenerationReport:
        tried: dict[str, Counter[bool]] = defaultdict(Counter)
        for p in self.judged:
            tried[f"{p.generator} {p.kind}"][p.dropped is None] += 1
        # Of all facts that were found, not of the accepted ones: those have passed this checker.
        known = [_known(p) for p in self.judged if p.generator == GENERATOR and p.evidence]
        facts = frozenset(f.fact_id for found in self.found.values() for f in found)
        teachers = self._teachers.values()
        return GenerationReport(
            accepted=len(accepted),
            rejected=self._reasons(),
            acceptance={k: proportion(t[True], t.total()) for k, t in sorted(tried.items())},
            coverage=coverage(
                accepted,
                chunks=[p.chunk.id for p in self.passages],
                facts=facts,
                least=self.plan.least,
            ),
            checker=measure(
                self.checks.checker, known, threshold=self.plan.support, seed=self.plan.seed
            ),
            stopped=self.stopped or "menu",
            given_up=tuple(self.given_up()),
            asked=sum(t.asked for t in teachers),
            remembered=sum(t.remembered for t in teachers),
            failed=sum(t.failed for t in teachers),
            usage=self._usage(),
            seconds=time.monotonic() - self.started,
            hints=weak_teachers(self.judged, self.plan),
        )


def _known(proposal: Proposal) -> Known:
    question = bare(proposal.question, proposal.passage.subject)
    kind = str(asked_for(question).kind)
    return Known(question, proposal.answer, one_line(proposal.quotes[0]), kind)
