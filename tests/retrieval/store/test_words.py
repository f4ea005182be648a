"""Texts as words: folded, stemmed, and in pairs where a script has no blanks."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from metier.retrieval.store.words import recognise, terms


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "Running", "runs"),
        ("de", "Häusern", "Häuser"),
        ("es", "canciones", "canción"),
        ("", "ＦＵＬＬ", "full"),
    ],
)
def test_forms_of_a_word_are_one(language, one, other):
    assert terms(one, language) == terms(other, language)


def test_chinese_becomes_pairs_and_keeps_its_latin():
    assert terms("卡罗来纳 Panther 队") == ["卡罗", "罗来", "来纳", "panther", "队"]


@given(some.text())
def test_any_text_has_words_without_blanks(text):
    for language in ("", "en", "de"):
        assert all(word and not any(map(str.isspace, word)) for word in terms(text, language))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat of the house is asleep and the dog is not with it.", "en"),
        ("Die Katze ist nicht in dem Haus, und der Hund ist mit ihr.", "de"),
        ("El gato de la casa no está con los perros que ladran.", "es"),
        ("这是一只猫", ""),
        ("", ""),
    ],
)
def test_a_language_is_known_by_its_frequent_words(text, language):
    assert recognise([text]) == language
