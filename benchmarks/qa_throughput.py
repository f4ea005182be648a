"""Accepted questions and answers per minute: metier, a plain loop, and Meta's synthetic-data-kit.

``python -m benchmarks.qa_throughput`` serves the embedded model once behind OpenAI's protocol
(``metier serve``) and gives the same passages to three arms, one after the other:

- ``metier``: the default plan, facts found by their form first, for ``SECONDS``.
- ``loop``: metier's own requests for the same menu, one at a time, as a plain script would, for
  ``SECONDS``, and no facts found by their form.
- ``synthetic_data_kit``: its command line (``create --type qa``), from a virtual environment of
  its own (``make bench-qa_throughput`` makes it), with its own prompts.

What each arm wrote passes the same checks; only what passes them all counts. An arm from which
nothing passed is taken to have made one pair, so that its ratio is a lower bound. Beside the
headline, ``requests`` compares what batching alone gives: the same requests, batched and not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.caselaw_data import write_opinions
from benchmarks.recording import record
from benchmarks.serve_throughput import load, metier_serve
from metier.corpus.chunk import Chunking
from metier.corpus.clean import clean, make_step
from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.checks.duplicates import Asked
from metier.dataset.generate.checks.reader import SpanReader
from metier.dataset.generate.checks.verify import Checks, verify
from metier.dataset.generate.menu import Order, orders
from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.run import Parts, generate
from metier.dataset.generate.text.passage import Passage, passages
from metier.dataset.generate.text.sentences import words
from metier.dataset.generate.text.wording import called
from metier.dataset.generate.writers.answer import CONFIG, answer_prompt, read_answer
from metier.dataset.generate.writers.ask import ask_questions
from metier.dataset.generate.writers.ledger import MemoryLedger
from metier.dataset.generate.writers.teacher import Teacher
from metier.models.engines.openai import OpenAIModel
from metier.models.registry import LocalModels
from metier.retrieval.grounding.support import TextChecker
from metier.sources import TableSource
from metier.types import Document, Json

MODEL = "smollm2-135m-instruct"
KIT = Path("build/peers/kit/bin/synthetic-data-kit")
OPINIONS = 12
SECONDS = 120
"""metier and the loop stop after this; their rates are what counts."""
KIT_PASSAGES = 12
"""The kit cannot stop after a time; it is given so many of the same passages, in one batch."""
KIT_TOKENS = 384
"""Its longest answer. The default, 4,096, lets this model repeat itself for minutes."""
Arm = dict[str, Json]


def main() -> None:
    """Serve, run the arms side by side, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = "none"
    folder = Path("build/qa_throughput")
    corpus = _corpus(options.data, folder)
    embedder = LocalModels()
    with metier_serve() as url:
        teacher = f"openai:{MODEL}@{url}"
        plan = GenerationPlan(teacher, teacher, minutes=SECONDS / 60)
        embedder.embedder(plan.embedder).embed(["warm up"])
        load(url, MODEL, 8, seed=0)
        arms = {
            "metier": _metier(corpus, plan, embedder),
            "loop": _loop(corpus, plan, embedder),
            "synthetic_data_kit": _kit(corpus, plan, embedder, folder),
        }
    record("qa_throughput", _figures(arms), notes={"arms": arms, "seconds": SECONDS})


def _figures(arms: dict[str, Arm]) -> dict[str, Json]:
    ours = arms["metier"]
    figures: dict[str, Json] = {
        f"ratio.{name}": round(ours["accepted_per_minute"] / arms[name]["at_most_per_minute"], 2)
        for name in ("loop", "synthetic_data_kit")
    }
    by_model, loop = ours["requests_per_minute"], arms["loop"]["requests_per_minute"]
    figures["ratio.loop.requests"] = round(by_model / loop, 2)
    for name, arm in arms.items():
        figures[f"{name}.accepted_per_minute"] = round(arm["accepted_per_minute"], 3)
    return figures


def _metier(corpus: MemoryCorpus, plan: GenerationPlan, models: LocalModels) -> Arm:
    began = time.monotonic()
    generated = generate(corpus, plan, Parts(models))
    seconds = time.monotonic() - began
    report = generated.report
    by_pattern = sum(r.provenance.generator == "pattern" for r in generated.accepted)
    return {
        **_arm(report.accepted, report.accepted + len(generated.rejected), seconds),
        "requests": report.asked,
        "requests_per_minute": 60 * report.asked / seconds,
        "accepted_from_patterns": by_pattern,
        "accepted_from_the_model": report.accepted - by_pattern,
        "reasons": dict(report.rejected),
        "prompt_tokens": report.usage.prompt_tokens,
        "completion_tokens": report.usage.completion_tokens,
    }


def _loop(corpus: MemoryCorpus, plan: GenerationPlan, models: LocalModels) -> Arm:
    """The plain way: ask, wait, have it answered, wait, check; then the next."""
    teacher = Teacher(OpenAIModel.named(plan.asker), MemoryLedger())
    checks = _checks(plan, models)
    began, judged = time.monotonic(), []
    for order in _orders(corpus, plan):
        if time.monotonic() - began > SECONDS:
            break
        ((question, _),) = ask_questions([order], teacher, plan.asker_persona)
        if question is None:
            continue
        prompt = answer_prompt(order.passage, question, plan.answerer_persona)
        said = read_answer(teacher.ask([prompt], CONFIG)[0])
        proposal = Proposal(
            order.passage, order.kind, question, said.answer, teacher.name, said.quotes
        )
        if said.problem is None:
            judged += verify([proposal], checks)
    seconds = time.monotonic() - began
    accepted = sum(p.dropped is None for p in judged)
    return {
        **_arm(accepted, len(judged), seconds),
        "requests": teacher.asked,
        "requests_per_minute": 60 * teacher.asked / seconds,
    }


def _kit(corpus: MemoryCorpus, plan: GenerationPlan, models: LocalModels, folder: Path) -> Arm:
    """All passages are one file, so that it can send their requests together."""
    work = folder / "kit"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    read = list(passages(corpus, plan.subject))[:KIT_PASSAGES]
    (work / "config.yaml").write_text(_kit_config(plan), encoding="utf-8")
    text = "\n\n".join(" ".join(passage.chunk.text.split()) for passage in read)
    (work / "passages.txt").write_text(text, encoding="utf-8")
    wanted = 8 * len(read)
    began = time.monotonic()
    command = [str(KIT.absolute()), "-c", "config.yaml", "create", "passages.txt", "--type", "qa"]
    done = subprocess.run(
        [*command, "-n", str(wanted), "-o", "generated"],
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    pairs = list(_kit_pairs(work / "generated", read))
    judged = verify(pairs, _checks(plan, models))
    seconds = time.monotonic() - began
    return {
        **_arm(sum(p.dropped is None for p in judged), len(judged), seconds),
        "reasons": Counter(p.dropped for p in judged if p.dropped),
        "exit_code": done.returncode,
        "last_words": done.stdout[-300:],
        "version": _kit_version(),
    }


def _kit_pairs(out: Path, read: Sequence[Passage]) -> Iterator[Proposal]:
    """Its pairs, each with the passage that shares most words with it, and named as ours are.

    The kit does not say which passage a pair is from, and is not asked to name the document.
    """
    for path in sorted(out.glob("*.json")):
        for pair in json.loads(path.read_text(encoding="utf-8")).get("qa_pairs", []):
            if isinstance(pair, dict) and pair.get("question") and pair.get("answer"):
                said = set(words(f"{pair['question']} {pair['answer']}"))
                passage = max(read, key=lambda p: len(said & set(words(p.chunk.text))))
                question = called(str(pair["question"]), passage.subject)
                yield Proposal(passage, "factual", question, str(pair["answer"]), "kit")


def _kit_config(plan: GenerationPlan) -> str:
    model, _, url = plan.asker.removeprefix("openai:").partition("@")
    return f"""paths:
  input: input
  output: {{parsed: parsed, generated: generated, curated: curated, final: final}}
llm: {{provider: api-endpoint}}
api-endpoint:
  api_base: "{url}"
  api_key: none
  model: "{model}"
  max_retries: 2
  retry_delay: 1.0
generation:
  temperature: 0.7
  top_p: 0.95
  chunk_size: 1100
  overlap: 0
  max_tokens: {KIT_TOKENS}
  num_pairs: 8
  batch_size: 32
  max_context_length: 4000
prompts:
{_kit_prompts()}"""


def _kit_prompts() -> str:
    """Its own prompts, word for word from its own configuration."""
    (own,) = KIT.parents[1].glob("lib/*/site-packages/synthetic_data_kit/config.yaml")
    text = own.read_text(encoding="utf-8")
    return text.partition("\nprompts:\n")[2]


def _kit_version() -> str:
    python = KIT.with_name("python")
    code = "from importlib.metadata import version; print(version('synthetic-data-kit'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


def _arm(accepted: int, proposed: int, seconds: float) -> Arm:
    return {
        "accepted": accepted,
        "proposed": proposed,
        "seconds": round(seconds, 1),
        "accepted_per_minute": 60 * accepted / seconds,
        "at_most_per_minute": 60 * max(1, accepted) / seconds,
    }


def _orders(corpus: MemoryCorpus, plan: GenerationPlan) -> Iterator[Order]:
    read = list(passages(corpus, plan.subject))
    for turn in range(1, max(plan.menu.values()) + 1):
        for passage in read:
            yield from orders(passage, turn, plan, frozenset())


def _checks(plan: GenerationPlan, models: LocalModels) -> Checks:
    reader = SpanReader(models.embedder(plan.embedder))
    return Checks(plan, reader, TextChecker(), Asked())


def _corpus(data: Path, folder: Path) -> MemoryCorpus:
    """Whole opinions, cleaned as ``examples/caselaw`` does, in chunks of 1,000 characters."""
    folder.mkdir(parents=True, exist_ok=True)
    write_opinions(data, folder / "opinions.csv", count=OPINIONS)
    source = TableSource(folder / "opinions.csv", id="id", title="case", text="text")
    steps = [
        make_step("pdf_furniture", {}),
        make_step("hyphenation", {"lost": True}),
        make_step("whitespace", {}),
    ]
    read = []
    for document in source.documents(lambda malformed: None):
        read.append(Document(document.id, clean(document, steps).text, document.title))
    return MemoryCorpus(read, chunking=Chunking(1000, 0))


if __name__ == "__main__":
    main()
