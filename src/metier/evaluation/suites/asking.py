"""How a bare language model takes a suite: by writing, by choosing, or by rating given text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from metier.protocols import LanguageModel
from metier.types import Answer, Conversation, GenerateConfig, Usage


@dataclass(frozen=True, slots=True)
class Writing:
    """Answers by greedy generation."""

    model: LanguageModel
    max_new_tokens: int

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        """One greedy completion each."""
        config = GenerateConfig(max_new_tokens=self.max_new_tokens)
        completions = self.model.generate(batch, config)
        return [
            Answer(text=completion.text, usage=completion.usage, prompt=conversation)
            for conversation, completion in zip(batch, completions, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Choosing:
    """Answers with the most likely of the choices, per character.

    Per character and not in sum, because a sum prefers the shortest choice (acc_norm of the LM
    evaluation harness, Gao et al. 2021).
    """

    model: LanguageModel
    choices: Mapping[str, tuple[str, ...]]
    """By the text of the question's user message."""

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        """The best choice of each question, with the softmax of the choices' likelihoods."""
        asked = [
            (conversation, choice)
            for conversation in batch
            for choice in self.choices[conversation[-1].content]
        ]
        likelihoods = iter(self.model.loglikelihood(asked))
        return [self._choose(conversation, likelihoods) for conversation in batch]

    def _choose(self, conversation: Conversation, likelihoods: Iterator[float]) -> Answer:
        choices = self.choices[conversation[-1].content]
        rates = [next(likelihoods) / max(1, len(choice)) for choice in choices]
        weights = [math.exp(rate - max(rates)) for rate in rates]
        shares = {
            choice: weight / sum(weights) for choice, weight in zip(choices, weights, strict=True)
        }
        return Answer(
            text=choices[rates.index(max(rates))],
            usage=_read(self.model, conversation),
            prompt=conversation,
            probabilities=shares,
        )


@dataclass(frozen=True, slots=True)
class Rating:
    """Answers with the model's probability per character of a given text.

    The mean over texts is the inverse of a perplexity per character. It moves long before an
    answer flips, and needs no generation.
    """

    model: LanguageModel
    texts: Mapping[str, str]
    """By the text of the user message that asks for it."""

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        """The probability as text, such as ``0.517204``."""
        pairs = [(conversation, self.texts[conversation[-1].content]) for conversation in batch]
        return [
            Answer(
                text=f"{math.exp(likelihood / len(text)):.6f}",
                usage=_read(self.model, conversation),
                prompt=conversation,
            )
            for (conversation, text), likelihood in zip(
                pairs, self.model.loglikelihood(pairs), strict=True
            )
        ]


def _read(model: LanguageModel, conversation: Conversation) -> Usage:
    return Usage(sum(model.count_tokens(message.content) for message in conversation))
