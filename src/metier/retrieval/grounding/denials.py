"""Which words deny what their sentence says, in English, German, Spanish, French and Chinese."""

from __future__ import annotations

import re

_WRITTEN = (
    "no not never none neither nor cannot without nobody nothing nowhere hardly "
    "fail fails failed "
    "nicht nichts kein keine keinen keinem keiner keines keineswegs nie niemals niemand "
    "niemandem niemanden nirgends nirgendwo weder kaum ohne "
    "sin nunca jamás ningún ninguna ninguno nada nadie ni tampoco apenas "
    "pas jamais aucun aucune rien nul nulle guère sans"
)
_WORDS = frozenset(_WRITTEN.split())
_ENDINGS = ("n't",)
_WORDS_OF = {"fr": frozenset({"ne"})}
"""Words that deny in one language and say something else in another."""
_BEGINNINGS_OF = {"fr": ("n'",)}
_WRITTEN_AGREEING = (
    "nor nunca jamás ningún ninguna ninguno nada nadie ni tampoco "
    "pas jamais aucun aucune rien nul nulle guère"
)
_AGREEING = frozenset(_WRITTEN_AGREEING.split())
"""These deny nothing more in a sentence that is denied already: ``no tiene ningún efecto``."""
_SIGNS = "不没沒未无無非勿"
_OTHERWISE = (
    "不仅|不僅|不但|不只|不光|不同|不断|不斷|不久|不少|不过|不過|不管|不论|不論|不如|差不多|"
    "未来|未來|非常|非洲|除非|无论|無論|无线|無線|无数|無數|无疑|無疑|无锡|無錫|"
    "没收|沒收|非法|是非"
)
_HAN = re.compile(rf"(.)[不没沒]\1|{_OTHERWISE}|(?P<denial>[{_SIGNS}])")
"""A sign that denies, wherever in a run without blanks it stands; ``是不是`` asks, and does not."""


def denials(word: str, language: str, *, denied: bool) -> int:
    """How often a word, or a run without blanks, denies; two in one sentence cancel each other.

    ``word`` is in small letters with straight apostrophes; ``denied`` says whether its sentence
    was denied before it. Of ``isn't``, which search reads as two words, there is one.
    """
    if is_denial(word, language):
        return int(not (denied and word in _AGREEING))
    return sum(match["denial"] is not None for match in _HAN.finditer(word))


def is_denial(word: str, language: str) -> bool:
    """Whether a word does nothing but deny, or is bound to one that does, as in ``isn't``."""
    return (
        word in _WORDS
        or word.endswith(_ENDINGS)
        or word in _WORDS_OF.get(language, ())
        or word.startswith(_BEGINNINGS_OF.get(language, ()))
    )
