"""Suites that a model answers by choosing or rating: knowledge, arithmetic, plain English."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

from metier.evaluation.suites.asking import Rating
from metier.evaluation.suites.multiple_choice import Question, choice_suite
from metier.evaluation.suites.suite import Suite
from metier.protocols import LanguageModel
from metier.types import Answer, Example, Score


def general(seed: int, *, size: int = 100) -> Suite:
    """Common knowledge with four choices, from ``general.csv`` beside this file."""
    draw = random.Random(f"general {seed}")
    text = files(__package__).joinpath("general.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    questions = []
    for row in draw.sample(rows, min(size, len(rows))):
        choices = [row["answer"], row["wrong1"], row["wrong2"], row["wrong3"]]
        questions.append(_shuffled(draw, row["question"], choices))
    return choice_suite("general", questions)


def arithmetic(seed: int, *, size: int = 96) -> Suite:
    """Sums and differences of small numbers with four choices."""
    draw = random.Random(f"arithmetic {seed}")
    asked: dict[str, Question] = {}
    while len(asked) < size:
        first, second = draw.randint(1, 9), draw.randint(1, 9)
        if draw.random() < 0.5:
            term, right = f"{first} + {second}", first + second
        else:
            term, right = f"{first + second} - {second}", first
        wrong = draw.sample([n for n in range(max(0, right - 4), right + 5) if n != right], 3)
        # written out, as a model answers: of bare numbers the embedded base chooses at random
        choices = [f"{term} = {number}" for number in (right, *wrong)]
        text = f"What is {term}?"
        asked.setdefault(text, _shuffled(draw, text, choices))
    return choice_suite("arithmetic", list(asked.values()))


def language() -> Suite:
    """How likely plain English sentences are to the model: the most sensitive suite."""
    texts = {f"Write one sentence about {topic}.": sentence for topic, sentence in SENTENCES}
    examples = [
        Example(f"language-{number:04d}", asked, text)
        for number, (asked, text) in enumerate(texts.items())
    ]
    return Suite("language", tuple(examples), (Likelihood(),), partial(_rating, texts=texts))


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The probability per character that the model gave to the target; see ``Rating``."""

    name: str = "likelihood"

    def score(self, example: Example, answer: Answer) -> Score:
        """Score from 0 to 1."""
        return Score(self.name, float(answer.text))


def _shuffled(draw: random.Random, text: str, choices: Sequence[str]) -> Question:
    """The question with its choices in random order; the first given is the right one."""
    mixed = draw.sample(choices, len(choices))
    return Question(text, tuple(mixed), mixed.index(choices[0]))


def _rating(model: LanguageModel, texts: Mapping[str, str]) -> Rating:
    return Rating(model, texts)


SENTENCES = (
    ("a morning", "The sun came up over the hills and the birds began to sing."),
    ("a kitchen", "She put the kettle on the stove and cut two slices of bread."),
    ("a journey", "We took the early train and reached the coast before noon."),
    ("a garden", "The roses need water every evening when the days are hot."),
    ("a school", "The children ran into the yard as soon as the bell rang."),
    ("a shop", "The old man behind the counter counted the coins twice."),
    ("the weather", "It rained all night, and in the morning the streets were wet."),
    ("a dog", "The dog waited by the door until his owner came home from work."),
    ("a letter", "He read the letter slowly and then put it back in the drawer."),
    ("a river", "The river is wide here, but you can cross it on a small ferry."),
    ("a doctor", "The doctor listened to her heart and told her to rest for a week."),
    ("a meeting", "The meeting started late because nobody could find the key."),
    ("a book", "The book tells the story of two brothers who go to sea."),
    ("a farm", "On the farm they keep sheep, chickens and one very old horse."),
    ("a city", "The city grew quickly after the railway was built."),
    ("a bridge", "The new bridge is longer than the old one and much stronger."),
    ("a computer", "When the computer stops answering, turn it off and on again."),
    ("the night", "At night you can see thousands of stars from the top of the hill."),
    ("a market", "On Saturdays farmers sell fruit and vegetables at the market."),
    ("a teacher", "Our teacher explained the rule again with a simple example."),
    ("winter", "In winter the lake freezes and people skate on the ice."),
    ("money", "If you save a little money every month, you will have enough in a year."),
    ("a recipe", "Mix the flour with the eggs and bake the cake for forty minutes."),
    ("a house", "They painted the house white and planted a tree in front of it."),
)
"""Our own plain sentences, each with what it is about."""
