"""How generated rows and what was found out about them look in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from metier.cli.console import show
from metier.dataset.generate.kept.audit import keep_verdict
from metier.dataset.generate.kept.review import keep_reviews, read_reviews
from metier.types import (
    AuditResult,
    AuditVerdict,
    GeneratedRow,
    GenerationEstimate,
    GenerationReport,
    Holders,
    Review,
)


def as_text(report: GenerationReport) -> str:
    """Counts, reasons, acceptance, coverage and the checker's error."""
    lines = [f"accepted {report.accepted}, rejected {sum(report.rejected.values())}"]
    lines += [f"  {count:5}  {reason}" for reason, count in report.rejected.items()]
    lines += ["accepted share, by writer and kind:"]
    lines += [f"  {who:<44} {share}" for who, share in report.acceptance.items()]
    covered = report.coverage
    lines.append(f"chunks with {covered.least} or more: {covered.chunks}")
    if covered.facts is not None:
        lines.append(f"found facts with {covered.least} or more: {covered.facts}")
    if report.checker is not None:
        found = report.checker
        lines.append(f"checker {found.checker}: lets through {found.lets_through} of wrong answers")
        lines.append(f"  and refuses {found.refuses} of right ones")
    if report.given_up:
        lines.append(f"given up, too few were accepted: {', '.join(report.given_up)}")
    used = report.usage
    lines.append(
        f"asked {report.asked:,} requests ({used.prompt_tokens:,} + {used.completion_tokens:,} "
        f"tokens), {report.remembered:,} were known, {report.failed:,} went unanswered"
    )
    lines.append(f"stopped by: {report.stopped}, after {report.seconds:.0f} s")
    lines += report.hints
    return "\n".join(lines)


def estimated(told: GenerationEstimate) -> str:
    """What a generation would take at most."""
    price = "no price known" if told.dollars is None else f"${told.dollars:,.2f}"
    return (
        f"{told.chunks:,} chunks, at most {told.requests:,} requests: {told.prompt_tokens:,} "
        f"tokens read, {told.completion_tokens:,} written; {told.seconds / 60:,.1f} minutes, "
        f"{price}"
    )


def audited(found: AuditResult | None) -> str:
    """The error rate so far."""
    if found is None:
        return "no row was judged yet"
    wrong = "".join(f"\n  wrong: {one.row} {one.note}" for one in found.wrong)
    return f"error rate {found.error} of {found.sample} drawn{wrong}"


def held(found: Holders) -> str:
    """What was made from a document."""
    lines = [f"{found.document}: {found.rows} rows"]
    for name, steps in (
        ("dataset", found.datasets),
        ("adapter", found.adapters),
        ("index", found.indexes),
    ):
        lines += [f"  {name:<8} {step}" for step in steps]
    return "\n".join(lines)


def reviewed_here(rows: Sequence[GeneratedRow], file: Path) -> dict[str, Review]:
    """Ask about one row after the other; each answer is kept at once."""
    for place, row in enumerate(rows):
        show(f"\n[{place + 1}/{len(rows)}] {_shown(row)}")
        word = _choice("accept (a), edit (e), reject (r), quit (q)", "aerq")
        if word == "q":
            break
        if word == "e":
            question = typer.prompt("question", default=row.question)
            answer = typer.prompt("answer", default=row.answer)
            kept = Review(row.id, "edit", question, answer)
        else:
            kept = Review(row.id, "accept" if word == "a" else "reject")
        keep_reviews(file, [kept])
    return read_reviews(file)


def judged_here(rows: Sequence[GeneratedRow], file: Path) -> None:
    """Ask whether each row is right; each answer is kept at once."""
    for place, row in enumerate(rows):
        show(f"\n[{place + 1}/{len(rows)}] {_shown(row)}")
        word = _choice("right (y), wrong (n), skip (s), quit (q)", "ynsq")
        if word == "q":
            return
        if word == "n":
            keep_verdict(file, AuditVerdict(row.id, False, typer.prompt("why", default="")))
        elif word == "y":
            keep_verdict(file, AuditVerdict(row.id, True))


def _shown(row: GeneratedRow) -> str:
    quotes = "\n".join(f"  “{' '.join(quote.split())}”" for quote in row.quotes)
    return f"{row.question}\n→ {row.answer}\n{quotes}\n  ({row.kind}, {row.provenance.document})"


def _choice(prompt: str, letters: str) -> str:
    while True:
        word = str(typer.prompt(prompt)).strip().lower()[:1]
        if word and word in letters:
            return word
