import pytest

from metier.errors import DataError
from metier.methods.fields import Fields
from metier.types import Chunk, Hit, Span

FIELDS = Fields({"also_called": "alias(?:es)?|other names", "name": "called|names?"})


def hit(**metadata):
    return Hit(Chunk("1", "text", 0, 4, Span("d", 0, 4)), 1.0, metadata=metadata)


def test_the_field_is_read_that_the_question_asks_for():
    found = [
        hit(name="Browser Bookmark Discovery", also_called=["BBD", "Bookmarks"]),
        hit(name="X"),
    ]
    assert FIELDS.read("What was T1217 called in v12?", found) == "Browser Bookmark Discovery"
    assert FIELDS.read("Which other names has T1217?", found) == "BBD, Bookmarks"


def test_a_field_that_the_best_hit_lacks_is_not_read_off_another():
    assert FIELDS.read("What is it called?", [hit(country="x"), hit(name="Y")]) is None
    assert FIELDS.read("What is it called?", []) is None


def test_a_question_that_asks_for_no_field_is_left_to_the_model():
    assert FIELDS.read("Who recalled the parts?", [hit(name="Y")]) is None


def test_words_that_are_no_pattern_are_named():
    with pytest.raises(DataError, match=r"name = 'called\(' is no regular expression"):
        Fields({"name": "called("})
