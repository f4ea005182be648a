"""General requests, to be answered by the base model itself and replayed in tuning."""

from __future__ import annotations

import random
from itertools import product

_SHAPES = (
    "Explain {topic} in one sentence.",
    "Name three facts about {topic}.",
    "Write a short paragraph about {topic}.",
    "Why does {topic} matter to people?",
    "Give one example that has to do with {topic}.",
    "What is hard to understand about {topic}?",
    "Write a question about {topic} and answer it.",
    "Summarise what a child should know of {topic}.",
)
_TOPICS = (
    "rain", "bread", "the moon", "bicycles", "rivers", "money", "music", "sleep", "bees", "maps",
    "trees", "trains", "salt", "glass", "friendship", "gardens", "libraries", "the heart",
    "electricity", "mountains", "fire", "paper", "languages", "swimming", "cats", "clocks",
    "bridges", "vaccines", "deserts", "chess", "photography", "tea", "earthquakes", "volcanoes",
    "recycling", "democracy", "markets", "whales", "the alphabet", "painting",
)  # fmt: skip
_FIXED = (
    "Translate to French: Good morning, my friend.",
    "Rewrite politely: Send me the file now.",
    "Sort these words by length: pear, fig, banana.",
    "Complete the sentence: The early bird",
    "Which is heavier, a kilo of iron or a kilo of wool?",
    "Is this sentence positive or negative? I enjoyed every minute.",
    "Turn into a question: She lives in Oslo.",
    "Write a two-line poem about the sea.",
)


def general_requests(count: int) -> list[str]:
    """The first ``count`` requests of one mixed order; they begin again when there are no more.

    None is an item of a retention suite: what is replayed must not be what is measured.
    """
    every = [*_FIXED, *(shape.format(topic=topic) for shape, topic in product(_SHAPES, _TOPICS))]
    random.Random("requests").shuffle(every)
    return [every[place % len(every)] for place in range(count)]
