"""The table ``[generate]``: questions and answers written from the documents."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from metier.recipe.tables import Section
from metier.types import QuestionKind


class MenuSettings(Section):
    """Questions that a model writes for each chunk, by kind; 0 for none."""

    factual: Annotated[int, Field(ge=0)] = 2
    """What one sentence says."""
    reverse: Annotated[int, Field(ge=0)] = 1
    """From a description to the name it fits."""
    multi_fact: Annotated[int, Field(ge=0)] = 1
    """What only two sentences together say."""
    summary: Annotated[int, Field(ge=0)] = 1
    """What is said about a matter, in a few sentences."""
    rewrite: Annotated[int, Field(ge=0)] = 1
    """A sentence in other words."""
    entity_pair: Annotated[int, Field(ge=0)] = 1
    """How two names are connected."""
    unanswerable: Annotated[int, Field(ge=0)] = 1
    """What the document does not say; right is to say so."""

    @property
    def budgets(self) -> dict[QuestionKind, int]:
        """By kind, in the order in which they are asked."""
        return {
            "factual": self.factual,
            "reverse": self.reverse,
            "multi_fact": self.multi_fact,
            "summary": self.summary,
            "rewrite": self.rewrite,
            "entity_pair": self.entity_pair,
            "unanswerable": self.unanswerable,
        }


class PatternSettings(Section):
    """A fact of your documents that a regular expression finds."""

    find: str
    """Searched in each chunk; its group ``(?P<answer>...)`` is the answer, and ``$name`` the form
    of that name."""
    question: str
    """``$subject`` and the names of the other groups stand for what was found."""
    kind: QuestionKind = "factual"
    """Under which kind its rows are counted."""


class GenerateSettings(Section):
    """Who asks, who answers, how much, and what a row must pass to be kept."""

    teacher: str = ""
    """The model that plays all roles, for instance ``openai:MODEL@BASE_URL``; ``[model] base``
    when empty."""
    asker: str = ""
    """The model that writes questions, when it is another than the teacher."""
    answerer: str = ""
    """The model that answers them and quotes, when it is another than the teacher."""
    reader: str = "spans"
    """Who is asked again: ``spans`` finds the answer with the embedder, ``teacher`` or another
    model's name reads question and passage."""
    checker: str = "text"
    """Who judges whether the evidence says the answer: ``text`` compares their words; ``teacher``
    or another model's name has a model say yes or no."""
    timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds after which a request to a remote model is asked again; 120 when absent."""
    retries: Annotated[int, Field(ge=0)] | None = None
    """How often a remote model is asked again after a fault; 6 when absent."""
    asker_persona: str = ""
    """A system message, such as "a paralegal who asks detailed questions"; ``$subject`` stands for
    the document's name."""
    answerer_persona: str = ""
    """The same for the answerer."""
    subject: str = "$title"
    """How questions call a document: ``$title`` and its columns or properties may be used."""
    documents: Annotated[int, Field(ge=1)] | None = None
    """Ask about so many documents, drawn by ``seed``; about all when absent. What looks things up
    has all of them."""
    menu: MenuSettings = MenuSettings()
    """What a model writes for each chunk, by kind."""
    patterns: Annotated[int, Field(ge=0)] = 4
    """Questions for each chunk about facts that are found by their form, without a model."""
    rules: tuple[PatternSettings, ...] = ()
    """Further facts that can be found by their form in these documents."""
    forms: dict[str, str] = Field(default_factory=dict)
    """Parts of regular expressions that several rules use, by name; one may use those before it."""
    least: Annotated[int, Field(ge=1)] = 1
    """From so many accepted questions on a chunk or a fact counts as covered."""
    questions: Annotated[int, Field(ge=1)] | None = None
    """Stop at so many accepted rows."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Stop asking after so many minutes; what was made stands."""
    dollars: Annotated[float, Field(gt=0)] | None = None
    """Stop when so much was spent, by ``[prices.models]``."""
    agreement: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Token F1 from which the answer that comes back is the same."""
    support: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Probability from which the evidence counts as supporting the answer."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Rows under way at once."""
