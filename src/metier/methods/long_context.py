"""Shows the base model the whole corpus before each question, while it fits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from metier import serial
from metier.errors import DoesNotFitError
from metier.methods import candidate as candidates
from metier.methods.grounded import GroundedAnswerer
from metier.methods.open_book import open_book
from metier.methods.reader import adapter_seconds, check_adapter, copy_adapter, open_reader
from metier.methods.retrieve import corpus_of
from metier.origin import Origins
from metier.protocols import FitContext, Models
from metier.retrieval.known import Everything
from metier.retrieval.store.passages import passage_of
from metier.store import write_text
from metier.types import Candidate, Chunk, CleanDocument, Json, Passage

DOCUMENTS = "documents.json"


class LongContext:
    """No search at all: every question is asked behind all documents.

    They come first and in one order, so that a prefix cache reads them once. Of several versions
    of an entity the one of the day is shown. ``context_tokens`` is how many tokens all documents
    may have; the default leaves half of an 8,192-token window to the question and the answer's
    quality, which drops long before the window ends. ``adapter`` names a tuned rung above this
    one, whose adapter reads instead of the base alone.
    """

    name = "long_context"
    defaults: Mapping[str, Json] = {
        "context_tokens": 4096,
        "adapter": "",
        "label_list": True,
        "role": True,
        "constrained": True,
        "unsupported": "flag",
    }

    def reads(self, settings: Mapping[str, Json]) -> tuple[str, ...]:
        """The base, and the documents that it shows."""
        return ("base", "corpus")

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Keep the documents; ``DoesNotFitError`` with the count when they do not fit."""
        started = time.perf_counter()
        model = context.models.language_model(context.base)
        room = int(context.settings["context_tokens"])
        check_adapter(rung, context)
        shown: list[Passage] = []
        used = 0
        for document in corpus_of(rung, context).documents():
            shown.append(_whole(document))
            used += model.count_tokens(open_book([shown[-1].chunk], ""))
            if used > room:  # a large corpus is not counted to its end
                raise DoesNotFitError(
                    f"rung {rung!r}: the documents have more than context_tokens = {room} tokens "
                    f"({len(shown)} of {len(context.corpus or ())} have {used}); raise it if the "
                    "model reads more, or use the method 'retrieve'"
                )
        write_text(context.workdir / DOCUMENTS, serial.dump(tuple(shown)))
        fitted = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings={**context.settings, "k": len(shown), "passage_tokens": room},
            base=context.base,
            files=(DOCUMENTS, *copy_adapter(context)),
            seed=context.seed,
        )
        fitted = candidates.timed(fitted, started, taken_over=adapter_seconds(context))
        candidates.save(fitted, context.workdir)
        return fitted

    def load(self, candidate: Candidate, directory: Path, models: Models) -> GroundedAnswerer:
        """The reader over all documents."""
        shown = serial.read(tuple[Passage, ...], directory / DOCUMENTS)
        return GroundedAnswerer(
            open_reader(candidate, directory, models), candidate, Everything(shown)
        )


def _whole(document: CleanDocument) -> Passage:
    origins, end = Origins(document), len(document.text)
    chunk = Chunk(
        id=document.id,
        text=document.text,
        start=0,
        end=end,
        source=origins.span(0, end),
        title=document.title,
        pieces=origins.pieces(0, end),
        regions=origins.regions(0, end),
    )
    return passage_of(document, chunk)
