"""How well names tell whether a memory can know: real questions on learnt and on strange texts.

``python -m benchmarks.known_names`` learns half of a set's texts by name (``known_names`` of a
tuned rung) and asks about both halves. It needs no model. The set decides how much names can tell:
who writes "What type of city has it been?" names nobody.

    SET.known      share of the questions on learnt texts that reach the model
    SET.strangers  share of the questions on the other half that are answered "I do not know."
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.recording import record
from benchmarks.support_data import rows
from metier.methods.known_names import KnownNames
from metier.stats import proportion
from metier.types import Estimate, Json

SEED = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the text that answers it."""

    question: str
    about: str
    """What is learnt whole or not at all."""
    text: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Every set, half learnt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args(arguments)
    figures: dict[str, Json] = {}
    for name, asked in _sets(options.data).items():
        known, strangers = _measured(asked)
        for part, found in (("known", known), ("strangers", strangers)):
            figures[f"{name}.{part}"] = {key: round(v, 4) for key, v in asdict(found).items()}
            print(f"{name} {part}: {found}")
    record(
        "known_names", figures, notes={"seed": SEED, "fields": "value, low, high: 95 % (Wilson)"}
    )
    return 0


def _sets(data: Path) -> dict[str, list[Asked]]:
    found = {
        f"squad_{language}": [
            Asked(row["question"], row["title"], f"{row['title']}\n{row['context']}")
            for row in rows(data / "general_squad" / f"squad_{language}.jsonl.gz")
        ]
        for language in ("en", "es", "de", "zh")
    }
    found["medquad"] = [
        Asked(row["question"], row["focus"], f"{row['focus']}\n{row['answer']}")
        for row in rows(data / "med_medquad" / "qa.jsonl.gz")
    ]
    return found


def _measured(asked: Sequence[Asked]) -> tuple[Estimate, Estimate]:
    every = sorted({one.about for one in asked})
    learnt = set(random.Random(SEED).sample(every, len(every) // 2))
    names = KnownNames.of(sorted({(one.about, one.text) for one in asked if one.about in learnt}))
    known = [names.knows(one.question) for one in asked if one.about in learnt]
    refused = [not names.knows(one.question) for one in asked if one.about not in learnt]
    return proportion(sum(known), len(known)), proportion(sum(refused), len(refused))


if __name__ == "__main__":
    sys.exit(main())
