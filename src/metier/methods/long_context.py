"""Shows the base model the whole corpus before each question, while it fits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from metier.errors import DoesNotFitError, ModelFileError
from metier.methods import candidate as candidates
from metier.methods.asking import base_of
from metier.methods.files import MEND, read_json, write_json
from metier.methods.grounded import GroundedAnswerer
from metier.methods.open_book import open_book
from metier.methods.retrieve import corpus_of
from metier.protocols import FitContext, Models
from metier.retrieval.known import Everything
from metier.types import Candidate, Chunk, CleanDocument, Json, Span

DOCUMENTS = "documents.json"


class LongContext:
    """No search at all: every question is asked behind all documents.

    They come first and in one order, so that a prefix cache reads them once. ``context_tokens``
    is how many tokens of documents a prompt may hold; the default leaves half of an 8,192-token
    window to the question and the answer's quality, which drops long before the window ends.
    """

    name = "long_context"
    defaults: Mapping[str, Json] = {
        "context_tokens": 4096,
        "label_list": True,
        "role": True,
        "constrained": True,
        "unsupported": "flag",
    }

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Keep the documents; ``DoesNotFitError`` with the count when they do not fit."""
        started = time.perf_counter()
        model = context.models.language_model(context.base)
        room = int(context.settings["context_tokens"])
        shown: list[Chunk] = []
        used = 0
        for document in corpus_of(rung, context).documents():
            shown.append(_whole(document))
            used += model.count_tokens(open_book(shown[-1:], ""))
            if used > room:  # a large corpus is not counted to its end
                raise DoesNotFitError(
                    f"rung {rung!r}: the documents have more than context_tokens = {room} tokens "
                    f"({len(shown)} of {len(context.corpus or ())} have {used}); raise it if the "
                    "model reads more, or use the method 'retrieve'"
                )
        write_json(context.workdir / DOCUMENTS, {"documents": [asdict(one) for one in shown]})
        fitted = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings={**context.settings, "k": len(shown), "passage_tokens": room, "adapter": ""},
            base=context.base,
            files=(DOCUMENTS,),
            seed=context.seed,
        )
        fitted = candidates.timed(fitted, started)
        candidates.save(fitted, context.workdir)
        return fitted

    def load(self, candidate: Candidate, directory: Path, models: Models) -> GroundedAnswerer:
        """The reader over all documents."""
        stored = read_json(directory / DOCUMENTS)
        try:
            shown = [
                Chunk(**{**one, "source": Span(**one["source"])}) for one in stored["documents"]
            ]
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"{directory / DOCUMENTS} lacks {error}; {MEND}") from error
        model = models.language_model(base_of(candidate))
        return GroundedAnswerer(model, candidate, Everything(shown))


def _whole(document: CleanDocument) -> Chunk:
    return Chunk(
        id=document.id,
        text=document.text,
        start=0,
        end=len(document.text),
        source=Span(document.id, 0, len(document.source_text)),
        title=document.title,
    )
