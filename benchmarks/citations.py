"""How exactly and how rightly answers are cited, and what the check keeps out.

``python -m benchmarks.citations`` writes SQuAD's paragraphs and PubMedQA's abstracts as files with
uneven white space, ingests them, finds five passages for each question and grounds its answer.

    offsets_exact   supports whose quote, read from the file at its offsets, is what was quoted
    links           footnotes in Markdown and HTML whose link opens the file they name
    precision       of the cited quotes, those that hold the gold answer's place (SQuAD: the quoted
                    sentence holds the very span that the annotators marked; PubMedQA: the abstract
                    is the one that the conclusion was written for)
    recall          of the answers, those cited so
    reliability     calibration error of the confidence when every second answer is corrupted, as it
                    comes and after ``fit_calibration`` on SQuAD's other titles and PubMedQA's
                    training part
    unsupported     of the claims that are shown, those that are false: ``unchecked`` as they came,
                    half of them corrupted; ``checked`` after unsupported ones were dropped

Figures are for SQuAD's test titles and PubMedQA's test part; what is cited, and the threshold, were
chosen on SQuAD's other titles and PubMedQA's training part (``dev`` in the notes), the checker's
weights on other documents altogether.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.grounding_data import Asked, Question, in_test, pubmed, squad
from benchmarks.recording import record, shown
from metier.protocols import SupportChecker
from metier.retrieval.grounding.calibrate import fit_calibration
from metier.retrieval.grounding.ground import Grounded, ground
from metier.retrieval.grounding.render import to_html, to_markdown
from metier.retrieval.grounding.support import TextChecker
from metier.stats import calibration_error, proportion
from metier.types import Calibration, GroundSettings, Hit, Json, Span

_LINK = re.compile(r'\]\((file:[^)\s]+)\)|href="(file:[^"]+)"')


def main() -> None:
    """Ground every answer, count, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/grounding"))
    parser.add_argument("--dev", action="store_true", help="SQuAD's development titles alone")
    options = parser.parse_args()
    checker = Once(TextChecker())
    asked = squad(options.data, options.work)
    learnt = pubmed(options.data, options.work, "train")
    dev = {
        "squad": measure(asked, checker, lambda question: not in_test(question.article)),
        "pubmedqa": measure(learnt, checker, lambda question: True),
    }
    if options.dev:
        for name, value in dev.items():
            print(name, value)
        return
    squad_dev = confidences(asked, checker, lambda question: not in_test(question.article))
    calibrations = {
        "squad": fit_calibration(*squad_dev),
        "pubmedqa": fit_calibration(*confidences(learnt, checker, lambda question: True)),
    }
    tests: dict[str, tuple[Asked, Callable[[Question], bool]]] = {
        "squad": (asked, lambda question: in_test(question.article)),
        "pubmedqa": (pubmed(options.data, options.work), lambda question: True),
    }
    parts = {
        name: measure(part, checker, chosen)
        | reliability(part, checker, chosen, calibrations[name])
        for name, (part, chosen) in tests.items()
    }
    figures: dict[str, Json] = {
        f"{part}.{name}": value for part, found in parts.items() for name, value in found.items()
    }
    for name in ("offsets_exact", "links", "precision", "recall"):
        figures[name] = parts["squad"][name]
    for name in ("checked", "unchecked"):
        figures[f"unsupported.{name}"] = parts["squad"][f"unsupported.{name}"]
    record(
        "citations",
        figures,
        notes={
            "limits": "PubMedQA's conclusions are said in other words than the abstract's, which a "
            "checker of words cannot follow. Its confidence is that of a claim which may as well "
            "be false, so among true answers (confidence_error, curve) it is too low.",
            "calibrations": {name: asdict(one) for name, one in calibrations.items()},
            "about": __doc__,
            "dev": dev,
            "checker": checker.name,
            "passages": 5,
        },
    )


class Once:
    """Judges each pair once, however often it is asked."""

    def __init__(self, checker: SupportChecker) -> None:
        self._checker = checker
        self._known: dict[tuple[str, str], float] = {}

    @property
    def name(self) -> str:
        """The checker's own."""
        return self._checker.name

    def support(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """As the checker judges."""
        new = [pair for pair in dict.fromkeys(batch) if pair not in self._known]
        self._known |= dict(zip(new, self._checker.support(new), strict=True))
        return [self._known[pair] for pair in batch]


def measure(
    asked: Asked, checker: SupportChecker, chosen: Callable[[Question], bool]
) -> dict[str, Json]:
    """All figures for the questions that are chosen."""
    picked = [place for place, question in enumerate(asked.questions) if chosen(question)]
    questions = [asked.questions[place] for place in picked]
    hits = [asked.hits[place] for place in picked]
    answers = [question.answer for question in questions]
    grounded = ground_all(questions, answers, hits, checker)
    quotes = [
        (question, span, words)
        for question, one in zip(questions, grounded, strict=True)
        for support in one.grounding.supports
        for span, words in zip(support.quotes, support.words, strict=True)
    ]
    right = [_right(question, span) for question, span, _ in quotes]
    exact = [_exact(asked, span, words) for _, span, words in quotes]
    cited = [
        any(_right(question, span) for one in grounding.supports for span in one.quotes)
        for question, (_, grounding) in zip(questions, grounded, strict=True)
    ]
    links = [opens for one in grounded for opens in _links(one)]
    sure = [
        support.confidence
        for one in grounded
        for support in one.grounding.supports
        for _ in support.quotes
    ]
    return {
        "offsets_exact": shown(proportion(sum(exact), len(exact))),
        "links": shown(proportion(sum(links), len(links))),
        "precision": shown(proportion(sum(right), len(right))),
        "recall": shown(proportion(sum(cited), len(cited))),
        "confidence_error": shown(calibration_error(sure, right, seed=0)),
        "curve": curve(sure, right, sum(len(one.grounding.supports) for one in grounded)),
        **unsupported(questions, hits, checker),
    }


def curve(sure: Sequence[float], right: Sequence[bool], total: int) -> Json:
    """[threshold, precision, rightly cited share of all segments], ever stricter."""
    points = []
    for least in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        kept = [one for one, confidence in zip(right, sure, strict=True) if confidence >= least]
        if kept:
            share = round(sum(kept) / len(kept), 4)
            points.append([least, share, round(sum(kept) / total, 4)])
    return points


def reliability(
    asked: Asked,
    checker: SupportChecker,
    chosen: Callable[[Question], bool],
    calibration: Calibration,
) -> dict[str, Json]:
    """Calibration errors of the confidence, as it comes and calibrated on other questions."""
    sure, right = confidences(asked, checker, chosen)
    again, _ = confidences(asked, checker, chosen, calibration)
    return {
        "reliability.plain": shown(calibration_error(sure, right, seed=0)),
        "reliability.calibrated": shown(calibration_error(again, right, seed=0)),
    }


def confidences(
    asked: Asked,
    checker: SupportChecker,
    chosen: Callable[[Question], bool],
    calibration: Calibration | None = None,
) -> tuple[list[float], list[bool]]:
    """The confidence of every claim, half of them corrupted, and whether it is true and, where it
    is cited, rightly cited."""
    picked = [place for place, question in enumerate(asked.questions) if chosen(question)]
    questions = [asked.questions[place] for place in picked]
    said, false = corrupted(questions)
    settings = GroundSettings(calibration=calibration)
    hits = [asked.hits[place] for place in picked]
    sure, right = [], []
    grounded = ground_all(questions, said, hits, checker, settings)
    for question, wrong, one in zip(questions, false, grounded, strict=True):
        for support in one.grounding.supports:
            sure.append(support.confidence)
            found = any(_right(question, span) for span in support.quotes)
            right.append(not wrong and (found or not support.quotes))
    return sure, right


def unsupported(
    questions: Sequence[Question], hits: Sequence[Sequence[Hit]], checker: SupportChecker
) -> dict[str, Json]:
    """False claims shown with and without the check, when every second answer is corrupted."""
    said, false = corrupted(questions)
    settings = GroundSettings(policy="drop")
    stays = [bool(one.text) for one in ground_all(questions, said, hits, checker, settings)]
    kept = [one for one, there in zip(false, stays, strict=True) if there]
    lost = [not there for one, there in zip(false, stays, strict=True) if not one]
    return {
        "unsupported.unchecked": shown(proportion(sum(false), len(false))),
        "unsupported.checked": shown(proportion(sum(kept), max(1, len(kept)))),
        "true_claims_lost": shown(proportion(sum(lost), len(lost))),
    }


def corrupted(questions: Sequence[Question]) -> tuple[list[str], list[bool]]:
    """Every second answer replaced by another one's of the same document, else of another."""
    draw = random.Random(0)
    said: list[str] = []
    false: list[bool] = []
    for place, question in enumerate(questions):
        others = [
            one.answer
            for one in questions
            if one.document == question.document and not _overlap(one.answer, question.answer)
        ] or [
            one.answer
            for one in draw.sample(list(questions), min(20, len(questions)))
            if not _overlap(one.answer, question.answer)
        ]
        corrupt = place % 2 == 1 and bool(others)
        said.append(draw.choice(others) if corrupt else question.answer)
        false.append(corrupt)
    return said, false


def ground_all(
    questions: Sequence[Question],
    answers: Sequence[str],
    hits: Sequence[Sequence[Hit]],
    checker: SupportChecker,
    settings: GroundSettings | None = None,
) -> list[Grounded]:
    """Each answer grounded in its own hits."""
    return [
        ground(question.text, answer, hits=found, checker=checker, settings=settings)
        for question, answer, found in zip(questions, answers, hits, strict=True)
    ]


def _overlap(one: str, other: str) -> bool:
    return one.lower() in other.lower() or other.lower() in one.lower()


def _right(question: Question, span: Span) -> bool:
    if span.document != question.document:
        return False
    if question.place is None:
        return True
    return span.start <= question.place[0] and question.place[1] <= span.end


def _exact(asked: Asked, span: Span, words: str) -> bool:
    """Whether the file has at these offsets what was quoted; cleaning touched white space alone."""
    file = Path(unquote(urlsplit(asked.documents[span.document].uri).path))
    return file.read_text("utf-8")[span.start : span.end].split() == words.split()


def _links(grounded: Grounded) -> list[bool]:
    """For each footnote in both forms: whether its link opens a file that exists."""
    opens: list[bool] = []
    for page in (to_markdown(*grounded), to_html(*grounded)):
        found = [first or second for first, second in _LINK.findall(page)]
        opens += [Path(unquote(urlsplit(uri).path)).is_file() for uri in found]
        opens += [False] * (len(set(_cited(grounded))) - len(found))
    return opens


def _cited(grounded: Grounded) -> list[tuple[int, str]]:
    return [
        pair
        for support in grounded.grounding.supports
        for pair in zip(support.chunks, support.words, strict=True)
    ]


if __name__ == "__main__":
    main()
