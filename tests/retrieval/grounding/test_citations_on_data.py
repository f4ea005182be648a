"""On real questions the right sentences are cited."""

import os
from pathlib import Path

import pytest

from metier.retrieval.grounding.ground import ground
from metier.retrieval.grounding.support import TextChecker
from metier.types import Chunk, Hit, Span

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("METIER_DATA", ROOT / "../shared/data"))


@pytest.mark.data
def test_the_sentence_with_the_gold_answer_is_cited():
    file = DATA / "general_squad" / "squad_en.jsonl.gz"
    if not file.exists():
        pytest.skip(f"{file} is not there; set METIER_DATA")
    from benchmarks.support_data import rows

    questions = rows(file)[::12]
    cited = right = 0
    for row in questions:
        text = row["context"]
        hit = Hit(Chunk("c", text, 0, len(text), Span("d", 0, len(text))), 1.0)
        answer, start = row["answers"][0], row["answer_starts"][0]
        found = ground(row["question"], answer, hits=[hit], checker=TextChecker()).grounding
        for support in found.supports:
            for span in support.quotes:
                cited += 1
                right += span.start <= start and start + len(answer) <= span.end
    assert right / cited > 0.93
    assert right / len(questions) > 0.8
