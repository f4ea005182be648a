"""Texts as the words that full-text search compares: folded, stemmed, Chinese and kin in pairs."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

STEMMERS = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ru": "russian",
    "sv": "swedish",
}
"""Snowball's name of each language that is stemmed; texts in others are compared word by word."""

_FREQUENT = {
    "da": "og af det den til er på med ikke som",
    "de": "der die und das ist nicht mit von den ein",
    "en": "the of and is to that was with for by",
    "es": "el la los que del las por una con es",
    "fi": "ja on ei se että oli hän ovat mutta kun",
    "fr": "le les des est une dans du que pour qui",
    "it": "il di che della gli per una del sono alla",
    "nl": "de het een van en niet zijn op dat voor",
    "no": "og av det til er på ikke som med ble",
    "pt": "o os do da que uma em não para com",
    "ru": "и в не на что он с по это как",
    "sv": "och att det som en på är av för inte",
}
"""Words that tell a language; ten each are enough for a page of text."""

# Scripts written without blanks between words: Han, kana, Thai, Lao, Khmer, Burmese.
_UNSPACED = "぀-ヿ㐀-䶿一-鿿豈-﫿฀-໿က-႟ក-៿\U00020000-\U0002fa1f"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
EACH_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
"""A word as copies are counted in: of a script without blanks each character is one."""
_LONGEST = 64  # characters; longer "words" are encoded data


def terms(text: str, language: str = "") -> list[str]:
    """The text's words in order, folded and stemmed; nothing of it depends on other texts.

    Runs of a script without blanks become overlapping pairs of characters, which for Chinese is
    as good as a segmenter (Nie et al. 2000) and needs no dictionary.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: list[str] = []
    for word in _WORD.findall(folded):
        if _IS_UNSPACED.match(word):
            found += [word[i : i + 2] for i in range(len(word) - 1)] or [word]
        elif len(word) <= _LONGEST:
            found.append(_stem(word, language))
    return found


def recognise(texts: Iterable[str]) -> str:
    """The ISO 639-1 code of the language that most of these texts are in; "" when none is sure.

    Counts each language's most frequent words; a language is sure of itself when they make up a
    twentieth of all words, which running text always reaches.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_WORD.findall(text.casefold()))
    shares = {
        language: sum(counts[word] for word in words.split())
        for language, words in _FREQUENT.items()
    }
    best = max(shares, key=lambda language: shares[language])
    return best if shares[best] * 20 > counts.total() else ""


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str:
    if language not in STEMMERS:
        return word
    return str(_stemmer(language).stemWord(word))


@lru_cache(maxsize=4)
def _stemmer(language: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(STEMMERS[language])
