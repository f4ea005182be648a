"""General requests: replayed in tuning with the base's own answers, and told from specialists'.

They ask for prose, for a word, for a number, and for something to be done to a text, since a model
forgets a way of answering that it is not asked for: with prose alone, 300 facts tuned in cost the
embedded model 5.6 % of its sums.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import cycle, islice, product

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
_WORDS = (
    "hot", "early", "empty", "loud", "brave", "sweet", "narrow", "ancient", "public", "rough",
    "honest", "distant", "wooden", "sudden", "gentle", "clever", "heavy", "silent",
)  # fmt: skip
_FOR_A_WORD = (
    "What is the opposite of {word}?",
    "Give one other word for {word}.",
    "Is {word} a noun or an adjective?",
    "Name something that is {word}. Answer with one word.",
)
_COUNTED = (
    "{who} has {many} {things} and is given {few} more. How many {things} does {who} have now?",
    "There are {many} {things} on a table. {who} takes {few} away. How many are left?",
    "One of the {things} costs {few} dollars. What do {many} of them cost?",
    "{who} is {many} years old. How old was {who} {few} years ago?",
    "Which number is larger, {many} or {more}?",
    "Which whole number comes after {many}?",
)
_WHO = ("Maria", "Tom", "Aisha", "Kenji", "Lena", "Omar", "Rosa", "Sven")
_THINGS = ("pens", "plates", "stamps", "eggs", "tickets", "coins", "shells", "cards", "buttons")
_OF_EACH_COUNTED = 18
_SENTENCES = (
    "I enjoyed every minute.", "She lives in Oslo.", "The bus was late again.",
    "Send me the file now.", "They sold the house last year.", "Nobody answered the door.",
    "The soup tastes of nothing.", "We won by a single point.", "He forgot his umbrella.",
    "The printer works at last.", "It rained during the whole concert.", "Close the window.",
)  # fmt: skip
_DONE_TO_A_SENTENCE = (
    "Translate to French: {sentence}",
    "Rewrite politely: {sentence}",
    "Is this sentence positive or negative? {sentence}",
    "Turn into a question: {sentence}",
    "Put into the past tense: {sentence}",
    "Which words of this sentence are verbs? {sentence}",
)
_FIXED = (
    "Sort these words by length: pear, fig, banana.",
    "Complete the sentence: The early bird",
    "Which is heavier, a kilo of iron or a kilo of wool?",
    "Write a two-line poem about the sea.",
)


def general_requests(count: int | None = None) -> list[str]:
    """The first ``count`` requests of one mixed order, which begins again at its end.

    Each once for None. None is an item of a retention suite: what is replayed must not be what is
    measured.
    """
    every = list(dict.fromkeys((*_FIXED, *_prose(), *_words(), *_numbers(), *_sentences())))
    random.Random("requests").shuffle(every)
    return every if count is None else list(islice(cycle(every), count))


def _prose() -> Iterator[str]:
    return (shape.format(topic=topic) for shape, topic in product(_SHAPES, _TOPICS))


def _words() -> Iterator[str]:
    return (shape.format(word=word) for shape, word in product(_FOR_A_WORD, _WORDS))


def _numbers() -> Iterator[str]:
    draw = random.Random("numbers")
    for shape, _ in product(_COUNTED, range(_OF_EACH_COUNTED)):
        few = draw.randint(2, 9)
        many = draw.randint(few + 1, 30)
        more = many + draw.choice((-1, 1)) * few
        who, things = draw.choice(_WHO), draw.choice(_THINGS)
        yield shape.format(who=who, things=things, few=few, many=many, more=more)


def _sentences() -> Iterator[str]:
    return (
        shape.format(sentence=sentence)
        for shape, sentence in product(_DONE_TO_A_SENTENCE, _SENTENCES)
    )
