"""The newsgroups code lab's posts: read, cleaned in its two ways, drawn into training sets.

``python -m benchmarks.newsgroups_data`` writes the table that ``examples/newsgroups`` reads.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GROUPS = (
    "comp.graphics",
    "comp.sys.mac.hardware",
    "rec.motorcycles",
    "rec.sport.baseball",
    "sci.electronics",
    "sci.med",
    "sci.space",
    "talk.politics.guns",
)
"""The lab's eight groups."""

_ADDRESS = re.compile(r"\S+@\S+")


@dataclass(frozen=True, slots=True)
class Post:
    """One post as it was sent, headers and all."""

    id: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Posts:
    """The posts of the lab's groups in the data set's own split (by date)."""

    train: tuple[Post, ...]
    test: tuple[Post, ...]


@dataclass(frozen=True, slots=True)
class Draw:
    """What one draw may learn from; every part comes from the train split."""

    train: tuple[Post, ...]
    dev: tuple[Post, ...]


def load(data_dir: Path) -> Posts:
    """Read the eight groups from ``data_dir``, the folder that holds ``train.jsonl.gz``."""
    return Posts(_read(data_dir / "train.jsonl.gz"), _read(data_dir / "test.jsonl.gz"))


def _read(path: Path) -> tuple[Post, ...]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(
        Post(row["id"], row["category"], row["text"]) for row in rows if row["category"] in GROUPS
    )


def draw(rows: Sequence[Post], seed: int, *, per_class: int = 50, dev_per_class: int = 25) -> Draw:
    """Draw training and validation posts, the same number of each group, without overlap."""
    by_label: dict[str, list[Post]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        by_label[row.label].append(row)
    generator = random.Random(seed)
    train: list[Post] = []
    dev: list[Post] = []
    for label in sorted(by_label):
        shuffled = generator.sample(by_label[label], len(by_label[label]))
        train += shuffled[:per_class]
        dev += shuffled[per_class : per_class + dev_per_class]
    return Draw(*(tuple(generator.sample(part, len(part))) for part in (train, dev)))


def clean_lab(text: str) -> str:
    """Clean as the lab does: subject and body, e-mail addresses taken out."""
    header, _, body = text.partition("\n\n")
    subject = next(
        (line[8:].strip() for line in header.splitlines() if line.lower().startswith("subject:")),
        "",
    )
    return _ADDRESS.sub("", f"{subject}\n\n{body}").strip()


def clean_strict(text: str) -> str:
    """Leave only what the author wrote: no headers, quoted lines, signature block or addresses."""
    from sklearn.datasets import _twenty_newsgroups as rules  # the reference for these three rules

    body = rules.strip_newsgroup_header(text)
    own = rules.strip_newsgroup_footer(rules.strip_newsgroup_quoting(body))
    return _ADDRESS.sub("", own).strip()


def write_posts(posts: Posts, table: Path) -> int:
    """Write every post as it was sent, with the side of the split it is on; how many."""
    sides = [("train", post) for post in posts.train] + [("test", post) for post in posts.test]
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "group", "part", "text"])
        writer.writerows([post.id, post.label, part, post.text] for part, post in sides)
    return len(sides)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/newsgroups20"))
    parser.add_argument("--to", type=Path, default=Path("examples/newsgroups/posts.csv"))
    options = parser.parse_args()
    print(f"{write_posts(load(options.data), options.to):,} posts: {options.to}")


if __name__ == "__main__":
    main()
