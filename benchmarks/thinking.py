"""Whether drafts and votes pay: accuracy at equal tokens on multiple-choice questions.

``python -m benchmarks.thinking`` asks the embedded 135M model science questions (SciQ, the four
options in the question, without the supporting text) through the gateway's own writer and
``metier.serving.answering.thinking``. Every arm ends in one of the options (``enum``).

    plain                 answered at once
    reasoned              one free draft of at most ``BUDGET`` tokens, then concluded
    self_consistency      ``DRAFTS`` drafts with a share of these each, each concluded, a vote
    ensemble_refinement   the same drafts shown to the model together, as many answers, a vote

    accuracy.ARM          with its interval
    written.ARM           tokens written for a question, mean; ``read.ARM`` those read
    ARM_minus_OTHER       paired difference on the same questions (McNemar's exact test)

``reasoned`` is the plain answer with the same budget; it may end before that is spent. Both votes
are about the same drafts. What is asked is kept: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.recording import record
from metier.serving.answering.thinking import think
from metier.serving.engines.reading import Written, collect, start_all
from metier.serving.engines.writing import Ask, End, Writer
from metier.serving.gate.wire import Thinking
from metier.serving.start import ServeOptions, open_gateway
from metier.stats import holm, paired_difference, proportion
from metier.types import GenerateConfig, Json, Message, Usage, content_hash

BASE = "smollm2-135m-instruct"
QUESTIONS, BUDGET, DRAFTS = 100, 96, 3
AT_ONCE = 32
ARMS = {
    "plain": None,
    "reasoned": Thinking(drafts=1, budget_tokens=BUDGET),
    "self_consistency": Thinking(drafts=DRAFTS, budget_tokens=BUDGET),
    "ensemble_refinement": Thinking(
        method="ensemble_refinement", drafts=DRAFTS, budget_tokens=BUDGET
    ),
}
COMPARED = (
    ("self_consistency", "reasoned"),
    ("ensemble_refinement", "reasoned"),
    ("reasoned", "plain"),
    ("self_consistency", "plain"),
    ("ensemble_refinement", "plain"),
)


def main() -> None:
    """Ask what was not asked yet, then compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/thinking"))
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--seconds", type=float, default=3600, help="then compare what is there")
    options = parser.parse_args()
    items = questions(options.data)[: options.questions]
    options.work.mkdir(parents=True, exist_ok=True)
    kept = options.work / "answers.jsonl"
    gateway = open_gateway(ServeOptions(book=options.work / "book", embedder=None))
    writer = gateway.catalogue.get(BASE, "").writer
    assert writer is not None
    try:
        asyncio.run(ask_all(writer, items, kept, options.seconds))
    finally:
        gateway.close()
    known = answered(kept)
    whole = [item for item in items if all((arm, item["id"]) in known for arm in ARMS)]
    compare(whole, known)


def questions(data: Path) -> list[Json]:
    """SciQ's questions with their options, shuffled once."""
    lines = (data / "general_sciq" / "eval.jsonl").read_text().splitlines()
    items = [json.loads(line) for line in lines]
    random.Random(0).shuffle(items)
    return items


async def ask_all(writer: Writer, items: Sequence[Json], kept: Path, seconds: float) -> None:
    """Every arm about every question, a few at once; each answer is written as it comes.

    When the time is up, what is under way is left: which questions are compared does not depend on
    the answers.
    """
    known, drawn = answered(kept), Drawn(writer, kept.with_name("drafts.jsonl"))
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(arm: str, item: Json) -> None:
        async with gate:
            found = await ask(drawn, ARMS[arm], item)
        with kept.open("a") as stream:
            stream.write(json.dumps({"arm": arm, "item": item["id"], **found}) + "\n")

    todo = [(arm, item) for item in items for arm in ARMS if (arm, item["id"]) not in known]
    working = asyncio.gather(*(one(*pair) for pair in todo))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(working, seconds)


class Drawn:
    """Answers every ask once: the same ask (prompt, settings, seed) has the same answer, kept in a
    file, so that a kill loses only what is being written."""

    def __init__(self, writer: Writer, kept: Path) -> None:
        self._writer = writer
        self._kept = kept
        self._known: dict[str, asyncio.Task[Written]] = {}
        lines = kept.read_text().splitlines() if kept.exists() else []
        self._old: dict[str, Json] = {one["key"]: one for one in map(json.loads, lines)}

    async def __call__(self, asks: Sequence[Ask]) -> list[Written]:
        """As ``think`` wants them."""
        keys = [content_hash(asdict(one)) for one in asks]
        for key, one in zip(keys, asks, strict=True):
            if key not in self._known:
                self._known[key] = asyncio.ensure_future(self._answer(key, one))
        return [await self._known[key] for key in keys]

    async def _answer(self, key: str, ask: Ask) -> Written:
        if old := self._old.get(key):
            return Written(old["text"], [], End(old["finish"], Usage(**old["usage"])))
        written = await collect(start_all(self._writer, [ask])[0])
        assert written.end is not None
        end = {"finish": written.end.finish, "usage": asdict(written.end.usage)}
        with self._kept.open("a") as stream:
            stream.write(json.dumps({"key": key, "text": written.text, **end}) + "\n")
        return written


async def ask(answer: Drawn, thinking: Thinking | None, item: Json) -> Json:
    """One answer, whether it is right, and what it took."""
    options = [str(choice) for choice in item["choices"]]
    listed = "\n".join(f"- {option}" for option in options)
    text = f"{item['question']}\n{listed}\nAnswer with one of these."
    config = GenerateConfig(max_new_tokens=64, choices=tuple(dict.fromkeys(options)))
    wanted = Ask((Message("user", text),), config)
    if thinking is None:
        written = (await answer([wanted]))[0]
        assert written.end is not None
        usage, drafts = written.end.usage, []
    else:
        thought = await think(thinking, wanted, answer)
        written, usage, drafts = thought.written, thought.usage, thought.told["drafts"]
    right = written.text == options[item["answer"]]
    return {"right": right, "usage": asdict(usage), "said": written.text, "drafts": drafts}


def answered(kept: Path) -> dict[tuple[str, str], Json]:
    """What is on disk, by arm and question."""
    lines = kept.read_text().splitlines() if kept.exists() else []
    return {(one["arm"], one["item"]): one for one in map(json.loads, lines)}


def compare(items: Sequence[Json], known: dict[tuple[str, str], Json]) -> None:
    """Accuracies, tokens, paired differences."""
    figures: dict[str, Json] = {}
    right = {}
    for arm in ARMS:
        rows = [known[arm, item["id"]] for item in items]
        right[arm] = [float(row["right"]) for row in rows]
        figures[f"accuracy.{arm}"] = asdict(proportion(int(sum(right[arm])), len(rows)))
        for name, key in (("written", "completion_tokens"), ("read", "prompt_tokens")):
            figures[f"{name}.{arm}"] = sum(row["usage"][key] for row in rows) / len(rows)
    tests = [paired_difference(right[a], right[b], seed=0) for a, b in COMPARED]
    adjusted = holm([test.p_value for test in tests])
    for (a, b), test, p in zip(COMPARED, tests, adjusted, strict=True):
        told = {**asdict(test.difference), "p_value": test.p_value, "p_adjusted": p}
        figures[f"{a}_minus_{b}"] = told
    settings = {"budget": BUDGET, "drafts": DRAFTS, "base": BASE, "questions": len(items)}
    record("thinking", figures, notes={"about": __doc__, **settings})


if __name__ == "__main__":
    main()
