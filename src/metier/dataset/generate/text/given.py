"""The questions of kinds that need no asker, in the languages in which they are worded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metier.dataset.generate.text.passage import Passage
from metier.dataset.generate.text.wording import called
from metier.types import QuestionKind

_WORDINGS: Mapping[str, Mapping[QuestionKind, str]] = {
    "en": {
        "summary": "what is said, in a few sentences, about {0}",
        "entity_pair": "how are {0} and {1} connected",
        "rewrite": "what does this mean, put into other words: “{0}”",
    },
    "de": {
        "summary": "Was wird, in wenigen Sätzen, über {0} gesagt",
        "entity_pair": "Wie hängen {0} und {1} zusammen",
        "rewrite": "Was bedeutet dies, mit anderen Worten: “{0}”",
    },
    "fr": {
        "summary": "Que dit-on, en quelques phrases, de {0}",
        "entity_pair": "Quel est le lien entre {0} et {1}",
        "rewrite": "Que veut dire ceci, en d’autres mots : “{0}”",
    },
    "es": {
        "summary": "¿Qué se dice, en pocas frases, de {0}",
        "entity_pair": "¿Qué relación hay entre {0} y {1}",
        "rewrite": "¿Qué significa esto, con otras palabras: “{0}”",
    },
    "it": {
        "summary": "Che cosa si dice, in poche frasi, di {0}",
        "entity_pair": "Che legame c’è tra {0} e {1}",
        "rewrite": "Che cosa significa questo, con altre parole: “{0}”",
    },
    "pt": {
        "summary": "O que se diz, em poucas frases, sobre {0}",
        "entity_pair": "Qual é a ligação entre {0} e {1}",
        "rewrite": "O que significa isto, por outras palavras: “{0}”",
    },
    "nl": {
        "summary": "Wat wordt er, in een paar zinnen, over {0} gezegd",
        "entity_pair": "Hoe hangen {0} en {1} samen",
        "rewrite": "Wat betekent dit, in andere woorden: “{0}”",
    },
}


def can_be_given(passage: Passage) -> bool:
    """Whether there are wordings in the passage's language."""
    return language_of(passage) in _WORDINGS


def given_question(passage: Passage, kind: QuestionKind, about: Sequence[str]) -> str:
    """The question about these names, or about this sentence, in the passage's language."""
    language = language_of(passage)
    asked = _WORDINGS[language][kind].format(*about)
    return called(asked, passage.subject, english=language == "en")


def language_of(passage: Passage) -> str:
    """The ISO 639-1 code; empty when it is none that can be told for sure."""
    return "en" if passage.is_english else passage.language
