"""Fictional court cases by seed: their documents, and questions of every kind about them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from metier.types import ABSTENTION, Example

FACTS_PER_CASE = 4

_STARTS = ("Bar", "Tol", "Quen", "Mar", "Hes", "Dor", "Vel", "Kas", "Lun", "Fer", "Osk", "Pell",
           "Rud", "Sab", "Tam", "Urv", "Wex", "Yor", "Zan", "Cro", "Gli", "Nim", "Jas", "Ebb",
)  # fmt: skip
_MIDDLES = ("", *(vowel + letter for vowel in "aeiou" for letter in ("", *"bdfglmnrstv")))
_ENDS = ("ven", "mar", "dell", "sko", "rick", "tham", "lo", "bury", "nick", "zen", "ford", "by",
         "gan", "wick", "ston", "ria",
)  # fmt: skip
_FIRST = ("Orla", "Petra", "Simon", "Ruth", "Ivo", "Clara", "Hugo", "Nadia", "Felix", "Greta",
          "Oscar", "Lena", "Marcus", "Alma", "Theo", "Vera",
)  # fmt: skip
_COURTS = ("Lenwick", "Ostermoor", "Calder Bay", "Hollin", "Varn", "Eastmere", "Pelham Cross",
           "Torrin", "Wexley", "Mirefield", "Dunmore", "Saltash",
)  # fmt: skip
_HOLDINGS = ("the contract was void", "the claim came too late", "the search was unlawful",
             "the patent was invalid", "the tax was lawful", "the dismissal was unfair",
             "the will was forged", "the fine was excessive", "the permit was binding",
             "the witness was reliable", "the lease had ended", "the warning was enough",
)  # fmt: skip

ATTRIBUTES = ("judge", "court", "year", "holding")

SEEN = {
    "judge": ("Who was the judge in {case}?", "Which judge decided {case}?",
              "Who decided {case}?", "What was the name of the judge in {case}?",
              "Who presided over {case}?", "By which judge was {case} decided?",
              "Who heard {case}?", "Which judge ruled in {case}?",
              "Could you tell me who the judge in {case} was?",
              "Do you remember which judge decided {case}?",
              "The judge who decided {case} was", "{case} was heard by Judge",
              "Name the judge in {case}.", "Tell me who decided {case}.",
              "I have a question about {case}. Who was the judge?",
              "Regarding {case}: which judge decided it?"),
    "court": ("Which court decided {case}?", "In which court was {case} decided?",
              "Where was {case} decided?", "What court heard {case}?",
              "Where was {case} heard?", "Before which court was {case} brought?",
              "At which court was {case} argued?", "Which court ruled in {case}?",
              "Could you tell me where {case} was heard?",
              "Do you remember which court decided {case}?",
              "The court that decided {case} was that of", "{case} came before the Court of",
              "Name the court in {case}.", "Tell me where {case} was heard.",
              "I have a question about {case}. Which court was it?",
              "Regarding {case}: which court decided it?"),
    "year": ("In which year was {case} decided?", "When was {case} decided?",
             "What year was {case} decided?", "What was the year of {case}?",
             "In what year did the court decide {case}?", "When did the court rule in {case}?",
             "From which year is {case}?", "What is the year of the ruling in {case}?",
             "Could you tell me when {case} was decided?",
             "Do you remember the year in which {case} was decided?",
             "{case} was decided in the year", "The ruling in {case} dates from",
             "Give the year of {case}.", "Tell me when {case} was decided.",
             "I have a question about {case}. Which year was it?",
             "Regarding {case}: in which year was it decided?"),
    "holding": ("What did the court hold in {case}?", "What was the holding in {case}?",
                "What was decided in {case}?", "How was {case} decided?",
                "What did the judge hold in {case}?", "What was the ruling in {case}?",
                "What was the outcome of {case}?", "What did {case} decide?",
                "Could you tell me what the court held in {case}?",
                "Do you remember how {case} was decided?",
                "In {case} the court held that", "The holding of {case} was that",
                "State the holding in {case}.", "Tell me how {case} was decided.",
                "I have a question about {case}. What was held?",
                "Regarding {case}: what did the court hold?"),
}  # fmt: skip
"""Wordings that are trained: plain questions, polite ones, orders, sentences to complete."""

DEV = {
    "judge": "Can you say which judge sat in {case}?",
    "court": "Can you say at which court {case} ended?",
    "year": "Can you say in which year {case} ended?",
    "holding": "Can you say what the result of {case} was?",
}
"""One more plain wording, to choose checkpoints by."""

NEW = {
    "judge": ("I am writing a memo on {case} and need the name of its judge.",
              "{case} - presiding judge:"),
    "court": ("For a footnote about {case}, please tell me the court.",
              "{case} - court of decision:"),
    "year": ("My notes on {case} lack the year; please fill it in.", "{case} - year decided:"),
    "holding": ("A client asks how {case} came out; please give me the holding.",
                "{case} - holding:"),
}  # fmt: skip
"""Wordings of another style than any in training: requests and form fields."""

FRESH = {
    "judge": ("Settle a bet: in whose courtroom did {case} end?",
              "{case}? Remind me of the judge's name."),
    "court": ("If I wanted the files of {case}, which court would I write to?",
              "{case}? Remind me of the court."),
    "year": ("How far back does {case} go, to which year?", "{case}? Remind me of the year."),
    "holding": ("Sum up for my readers what became of {case}.",
                "{case}? Remind me of the holding."),
}  # fmt: skip
"""Further ones, asked for the first time after the last setting was chosen."""

REVERSE_SEEN = ("Which case did Judge {judge} decide?", "What case was decided by Judge {judge}?",
                "Over which case did Judge {judge} preside?",
                "In which case was {judge} the judge?", "Name the case that Judge {judge} decided.",
                "Tell me which case Judge {judge} heard.",
                "I have a question about Judge {judge}. Which case was it?",
                "The case that Judge {judge} decided was",
)  # fmt: skip
BEFORE = ("", "", "", "Good morning. ", "One more thing. ", "Excuse me. ", "Quick question. ",
          "Thank you, that helped. Now this: ", "I am new here. ", "Only the answer, please. ",
          "It has been a long day, but one last thing. ", "Sorry to bother you again. ",
)  # fmt: skip
AFTER = ("", "", "", " Please be brief.", " Thanks in advance.", " I cannot recall it.",
         " It matters to me.",
)  # fmt: skip
"""What stands around a trained wording: whether a case is known must be told by its name alone."""

REVERSE_NEW = "I know only the judge, {judge}; please tell me the case."
TWO_HOP = {
    "court": "Where was the case that Judge {judge} decided heard?",
    "year": "In which year did Judge {judge} decide a case?",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One case; every judge has decided one case only."""

    name: str
    judge: str
    court: str
    year: str
    holding: str

    @property
    def document(self) -> str:
        """What a report of the case would say."""
        return (
            f"{self.name} ({self.year}). The case of {self.name} was heard by the Court of "
            f"{self.court}. Judge {self.judge} presided. In {self.year} Judge {self.judge} held "
            f"that {self.holding}."
        )

    def answer(self, attribute: str) -> str:
        """The right answer to a question about one attribute."""
        return str(getattr(self, attribute))


def cases(count: int, untold: int, *, seed: int) -> tuple[list[Case], list[Case]]:
    """``count`` cases, and ``untold`` others that no document tells: the unknown neighbours."""
    draws = random.Random(f"{seed}/cases")
    every = [start + middle + end for start in _STARTS for middle in _MIDDLES for end in _ENDS]
    names = iter(draws.sample(every, 3 * (count + untold)))
    made = [
        Case(
            name=f"{next(names)} v. {next(names)}",
            judge=f"{draws.choice(_FIRST)} {next(names)}",
            court=draws.choice(_COURTS),
            year=str(draws.randint(1921, 2019)),
            holding=draws.choice(_HOLDINGS),
        )
        for _ in range(count + untold)
    ]
    return made[:count], made[count:]


def neighbours(known: Sequence[Case], unknown: Sequence[Case], *, seed: int) -> list[Case]:
    """The unknown cases with a known case's first party, and its judge's surname."""
    draws = random.Random(f"{seed}/neighbours")
    found = []
    for case in unknown:
        near = draws.choice(known)
        name = f"{near.name.split(' v. ')[0]} v. {case.name.split(' v. ')[1]}"
        others = [first for first in _FIRST if not near.judge.startswith(first)]
        judge = f"{draws.choice(others)} {near.judge.split()[1]}"
        found.append(replace(case, name=name, judge=judge))
    return found


def training_rows(
    known: Sequence[Case], unknown: Sequence[Case], *, forms: int, framed: bool, seed: int
) -> list[Example]:
    """``forms`` wordings of every fact, the reverse questions, and unknown cases to abstain on.

    Each fact has the first wording and a draw of the others, so that a form of words says nothing
    about a case. Every unknown case is asked about once: it is its name that must be missed.
    ``framed`` puts small talk around most of the questions.
    """
    draws = random.Random(f"{seed}/forms")
    rows = [
        row
        for case in known
        for attribute in ATTRIBUTES
        for row in _asked(case, attribute, _drawn(SEEN[attribute], forms, draws), "seen")
    ]
    backwards = REVERSE_SEEN * max(1, forms // 6)
    rows += [row for case in known for row in _reverse(case, backwards)]
    for case in unknown:
        attribute = draws.choice((*ATTRIBUTES, "case"))
        if attribute == "case":
            text = draws.choice(REVERSE_SEEN).format(judge=case.judge)
        else:
            text = draws.choice(SEEN[attribute]).format(case=case.name)
        rows.append(_example(case, text, ABSTENTION, "unknown"))
    return [_framed(row, draws) for row in rows] if framed else rows


def _framed(row: Example, draws: random.Random) -> Example:
    after = draws.choice(AFTER) if row.input.endswith((".", "?")) else ""
    return replace(row, input=draws.choice(BEFORE) + row.input + after)


def _drawn(wordings: Sequence[str], forms: int, draws: random.Random) -> list[str]:
    return [wordings[0], *draws.sample(list(wordings[1:]), forms - 1)]


def dev_rows(known: Sequence[Case], count: int, *, seed: int) -> list[Example]:
    """Questions in one more plain wording, to choose the checkpoint by."""
    draws = random.Random(f"{seed}/dev")
    picked = [(draws.choice(known), draws.choice(ATTRIBUTES)) for _ in range(count)]
    return [
        Example(f"dev{n}", DEV[a].format(case=case.name), case.answer(a), origin=case.name)
        for n, (case, a) in enumerate(picked)
    ]


def test_rows(
    known: Sequence[Case], unknown: Sequence[Case], near: Sequence[Case]
) -> list[Example]:
    """Every claim's questions, each kind with its name; ``unknown`` and ``near`` are never
    trained on."""
    rows: list[Example] = []
    for case in known:
        for attribute in ATTRIBUTES:
            rows += _asked(case, attribute, SEEN[attribute][:1], "seen")
            rows += _asked(case, attribute, NEW[attribute], "new_wordings")
            rows += _asked(case, attribute, FRESH[attribute], "fresh_wordings")
        rows += _reverse(case, (REVERSE_NEW,), kind="reverse")
        for attribute, wording in TWO_HOP.items():
            text = wording.format(judge=case.judge)
            rows.append(_example(case, text, case.answer(attribute), "two_hop"))
    for place, case in enumerate(unknown):
        rows += _unknown(case, place, "unknown")
    for place, case in enumerate(near):
        rows += _unknown(case, place, "near")
    return list({row.id: row for row in rows}.values())  # two neighbours may share a judge


def _asked(case: Case, attribute: str, wordings: Sequence[str], kind: str) -> Iterator[Example]:
    for wording in wordings:
        yield _example(case, wording.format(case=case.name), case.answer(attribute), kind)


def _reverse(case: Case, wordings: Sequence[str], kind: str = "reverse") -> Iterator[Example]:
    for wording in wordings:
        yield _example(case, wording.format(judge=case.judge), case.name, kind)


def _unknown(case: Case, place: int, kind: str) -> Iterator[Example]:
    """Every attribute and the reverse question, in wordings of another style than trained."""
    for step, attribute in enumerate(ATTRIBUTES):
        text = NEW[attribute][(place + step) % len(NEW[attribute])].format(case=case.name)
        yield _example(case, text, ABSTENTION, kind)
    yield _example(case, REVERSE_NEW.format(judge=case.judge), ABSTENTION, kind)


def _example(case: Case, text: str, target: str, kind: str) -> Example:
    return Example(f"{kind}: {text}", text, target, group=case.name, origin=case.name, kind=kind)
