"""A question with its answer on its way through the checks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from metier.dataset.generate.text.passage import Passage
from metier.types import GeneratedRow, Provenance, QuestionKind, Span, Verdict, content_hash


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a writer wrote about one passage."""

    passage: Passage
    kind: QuestionKind
    question: str
    answer: str
    generator: str
    quotes: tuple[str, ...] = ()
    """What the writer gives as evidence; it is believed only where the passage says it."""
    fact: str = ""
    answerer: str = ""
    persona: str = ""
    answerer_persona: str = ""
    prompt: str = ""
    evidence: tuple[Span, ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    """Offsets of the quotes in the chunk, where the writer knows them or once they are located."""
    verdicts: tuple[Verdict, ...] = field(default=())

    @property
    def dropped(self) -> str | None:
        """The first failed check's reason."""
        return next((v.reason for v in self.verdicts if not v.passed), None)

    @property
    def fact_id(self) -> str:
        """The fact's key with its document; empty when the row is about none in particular."""
        return f"{self.passage.document.id}#{self.fact}" if self.fact else ""

    def judged(self, verdict: Verdict) -> Proposal:
        """With one more verdict."""
        return replace(self, verdicts=(*self.verdicts, verdict))

    def row(self) -> GeneratedRow:
        """As it is stored."""
        chunk = self.passage.chunk
        document = chunk.source.document
        address = [document, self.passage.hash, self.kind, self.question, self.answer]
        return GeneratedRow(
            id=content_hash(address),
            kind=self.kind,
            question=self.question,
            answer=self.answer,
            evidence=self.evidence,
            quotes=self.quotes,
            provenance=Provenance(
                document=document,
                chunk=chunk.id,
                chunk_hash=self.passage.hash,
                generator=self.generator,
                answerer=self.answerer,
                persona=self.persona,
                answerer_persona=self.answerer_persona,
                prompt=self.prompt,
            ),
            verdicts=self.verdicts,
            fact=self.fact_id,
            dropped=self.dropped,
        )
