"""What of a claim a passage says: the numbers from which the support checker judges."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from metier.retrieval.grounding.claims import Claim
from metier.retrieval.grounding.quote import Quote, find_quotes, nearest_quote
from metier.retrieval.grounding.reading import Reading, Word, read

_ANTONYMS = (
    "increase decrease", "increased decreased", "increases decreases", "higher lower", "high low",
    "more less", "more fewer", "most least", "before after", "first last", "better worse",
    "best worst", "positive negative", "rise fall", "rose fell", "gain loss", "win lose",
    "won lost", "above below", "early late", "earlier later", "older younger", "larger smaller",
    "largest smallest", "longer shorter", "significant insignificant", "effective ineffective",
    "safe unsafe", "necessary unnecessary", "associated unrelated", "allow forbid",
    "accept reject", "enable disable", "north south", "east west", "northern southern",
    "eastern western", "improve worsen", "improved worsened", "present absent", "always never",
    "all none", "maximum minimum", "faster slower", "strong weak", "stronger weaker",
    "wirksam unwirksam", "mehr weniger", "höher niedriger", "größer kleiner", "positiv negativ",
    "eficaz ineficaz", "más menos", "mayor menor", "antes después", "positivo negativo",
    "efficace inefficace", "plus moins", "avant après", "positif négatif",
)  # fmt: skip
_NEAR = 10.0
"""Words after which a question's word counts e times less for an answer; a short sentence."""
_NUMBER = re.compile(r"\bhow (?:many|much|old|long|far|tall|big|large|often|fast)\b|\bwie ?viele?\b"
                     r"|\b(?:what|which) (?:percent\w*|number|amount|year|age|date)\b|\bwhen\b"
                     r"|\bcuánt[oa]s?\b", re.IGNORECASE)  # fmt: skip
_NAME = re.compile(r"\b(?:who|whom|whose|quién|quiénes|wer|wen|wem)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a claim and a passage relate, and where the passage comes nearest to saying it."""

    quote: Quote | None
    """The answer's or the statement's own words in the passage."""
    start: int
    """The sentence of the passage that says the most of the claim; 0, 0 in an empty passage."""
    end: int
    features: Mapping[str, float] = field(default_factory=dict)


def compare(claim: Claim, passage: str) -> Comparison:
    """Compare words, numbers, names, negations and order; needs no model."""
    there = read(passage)
    if not there.words or not claim.text:
        return Comparison(None, 0, 0)
    if claim.kind == "answer":
        return _compare_answer(claim, there)
    return _compare_statement(claim, there)


def _compare_statement(claim: Claim, there: Reading) -> Comparison:
    said = read(claim.text, there.language)
    wanted = [word for word in said.words if word.content]
    quote = nearest_quote(claim.text.rstrip(".!。 "), there.text)
    weights = {word.stem: 2.0 if word.name or word.number else 1.0 for word in wanted}
    covers = [_cover(weights, _stems(there, (place,))) for place in range(len(there.sentences))]
    best = _sentence_at(there, quote.start) if quote else covers.index(max(covers))
    near = _words(there, (best,))
    window = _stems(there, (best - 1, best, best + 1))
    whole = {word.stem for word in there.words}
    features = {
        "quoted": float(quote is not None and quote.kind != "fuzzy"),
        "cover": _cover(weights, whole),
        "cover_near": _cover(weights, window),
        "cover_best": covers[best],
        "pairs": _pairs(wanted, near),
        "numbers_missing": _missing([w for w in wanted if w.number], whole),
        "numbers_missing_near": _missing([w for w in wanted if w.number], window),
        "names_missing": _missing([w for w in wanted if w.name], whole),
        "names_missing_near": _missing([w for w in wanted if w.name], window),
        "negation": float(_negated(said.words) ^ _negated(near) ^ claim.denied),
        "antonym": float(_contrary(said.text, there.text[slice(*there.sentences[best])])),
        "short": 1 / (1 + len(wanted)),
    }
    return Comparison(quote, *there.sentences[best], features)


def _compare_answer(claim: Claim, there: Reading) -> Comparison:
    asked, said = read(claim.question, there.language), read(claim.text, there.language)
    answer = {word.stem for word in said.words if word.content or word.number}
    wanted = [word for word in asked.words if word.content and word.stem not in answer]
    weights = _rarity([word.stem for word in wanted], there)
    near = _nearness(weights, there)
    places = find_quotes(claim.text, there.text)
    loose = None if places else _loose(answer, near, there)
    start, end = loose or max(
        ((quote.start, quote.end) for quote in places),
        key=lambda bounds: _at(near, there, *bounds),
    )
    best = _sentence_at(there, start)
    covers = [_cover(weights, _stems(there, (place,))) for place in range(len(there.sentences))]
    here = _at(near, there, start, end)
    whole = {word.stem for word in there.words}
    strict = [word for word in wanted if word.name or word.number]
    rivals = _rivals(said, answer | set(weights), there)
    rival = max((near[place] for place in rivals), default=0.0)
    features = {
        "found": float(bool(places)),
        "loose": 0.0 if places else _cover(dict.fromkeys(answer, 1.0), _stems(there, (best,))),
        "cover": _cover(weights, whole),
        "cover_near": _cover(weights, _stems(there, (best - 1, best, best + 1))),
        "cover_best": covers[best],
        "cover_elsewhere": max(0.0, max(covers) - covers[best]),
        "near": here,
        "behind": max(0.0, rival - here),
        "ahead": max(0.0, here - rival),
        "names_missing": _missing(strict, whole),
        "kind": float(_wrong_kind(claim.question, said)),
        "asked_again": _cover(dict.fromkeys(answer, 1.0), {word.stem for word in asked.words}),
        "short": 1 / (1 + len(wanted)),
    }
    return Comparison(places[0] if places else None, *there.sentences[best], features)


def _rarity(stems: Collection[str], there: Reading) -> dict[str, float]:
    """A question's words weigh more the fewer sentences of the passage have them."""
    found = [_stems(there, (place,)) for place in range(len(there.sentences))]
    return {
        stem: math.log(1 + len(found) / max(1, sum(stem in one for one in found))) for stem in stems
    }


def _nearness(weights: Mapping[str, float], there: Reading) -> list[float]:
    """For each word of the passage: how much of the question stands around it, 0 to 1."""
    total = sum(weights.values()) or 1.0
    near = [0.0] * len(there.words)
    for stem, weight in weights.items():
        at = [place for place, word in enumerate(there.words) if word.stem == stem]
        if not at:
            continue
        for place, word in enumerate(there.words):
            near[place] += (
                weight
                / total
                * max(
                    math.exp(-abs(place - other) / _NEAR)
                    * (1.0 if there.words[other].sentence == word.sentence else 0.5)
                    for other in at
                )
            )
    return near


def _at(near: Sequence[float], there: Reading, start: int, end: int) -> float:
    inside = [
        value for value, word in zip(near, there.words, strict=True) if start <= word.start < end
    ]
    return max(inside, default=0.0)


def _loose(answer: Collection[str], near: Sequence[float], there: Reading) -> tuple[int, int]:
    """The word of the answer in the best surroundings, else the best surroundings."""

    def worth(place: int) -> tuple[bool, float]:
        return there.words[place].stem in answer, near[place]

    word = there.words[max(range(len(near)), key=worth)]
    return word.start, word.end


def _rivals(said: Reading, known: Collection[str], there: Reading) -> list[int]:
    """Words of the passage that could be the answer too: of its kind, not in the question."""
    number = any(word.number for word in said.words)
    name = not number and said.text[:1].isupper()
    return [
        place
        for place, word in enumerate(there.words)
        if word.content
        and word.stem not in known
        and (bool(word.number) if number else word.name if name else not word.number)
    ]


def _wrong_kind(question: str, said: Reading) -> bool:
    if _NUMBER.search(question):
        return not any(word.number for word in said.words)
    if _NAME.search(question):
        return not any(character.isupper() for character in said.text)
    return False


def _words(reading: Reading, places: Collection[int]) -> list[Word]:
    return [word for word in reading.words if word.sentence in places]


def _stems(reading: Reading, places: Collection[int]) -> set[str]:
    return {word.stem for word in reading.words if word.sentence in places}


def _sentence_at(reading: Reading, offset: int) -> int:
    for place, (_, end) in enumerate(reading.sentences):
        if offset < end:
            return place
    return len(reading.sentences) - 1


def _cover(weights: Mapping[str, float], stems: Collection[str]) -> float:
    total = sum(weights.values())
    return (
        sum(weight for stem, weight in weights.items() if stem in stems) / total if total else 0.0
    )


def _missing(words: Sequence[Word], stems: Collection[str]) -> float:
    return sum(word.stem not in stems for word in words) / len(words) if words else 0.0


def _pairs(wanted: Sequence[Word], near: Sequence[Word]) -> float:
    """Share of the claim's neighbouring words that are neighbours in the sentence too."""
    said = list(pairwise(word.stem for word in wanted))
    kept = [word.stem for word in near if word.content]
    there = set(pairwise(kept))
    return sum(pair in there for pair in said) / len(said) if said else 0.0


def _negated(words: Sequence[Word]) -> bool:
    return sum(word.negation for word in words) % 2 == 1


def _contrary(claim: str, sentence: str) -> bool:
    """Whether the claim has one word of a pair of opposites and the sentence only the other."""
    said, there = (set(re.findall(r"\w+", text.lower())) for text in (claim, sentence))
    for pair in _ANTONYMS:
        one, other = pair.split()
        for ours, theirs in ((one, other), (other, one)):
            if ours in said and theirs not in said and theirs in there and ours not in there:
                return True
    return False
