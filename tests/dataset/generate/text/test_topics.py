"""Names that a summary or a link can be asked about."""

import pytest

from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.text.passage import passages
from metier.dataset.generate.text.topics import linked, topics
from metier.types import Document


def passage(text, title="Harbour Files"):
    return next(passages(MemoryCorpus([Document("d", text, title=title)]), "$title"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A judge praised Martha Oldenburg’s report.", ["Martha Oldenburg"]),
        ("Although it rained, the ferry Aurora Borealis sailed.", ["Aurora Borealis"]),
        ("Lawyers sued Acme Shipping. Other lawyers did not.", ["Acme Shipping"]),
        ("The Enabling Act binds all. It was read aloud.", ["Enabling Act"]),
        ("They cite the Port Code Ann. § 5 and the Harbour Safety Act.", ["Harbour Safety Act"]),
        ("The crew met on January 5 with the Ministry of Ports.", ["Ministry of Ports"]),
        ("It joined NATO, not the UN.", ["NATO"]),
        ("The hearing took place in Harbour Files and in Rotterdam.", ["Rotterdam"]),
        ("He saw the Commission at work; no commission was paid.", []),
        ("En 1990 la Société Générale de Belgique fut vendue à Écluse Maritime.",
         ["Société Générale de Belgique", "Écluse Maritime"]),
        ("港口在二零零四年建成。", []),
    ],
)  # fmt: skip
def test_names_are_whole_and_nothing_but_names(text, names):
    assert topics(passage(text)) == names


def test_what_most_sentences_speak_of_comes_first():
    text = "We met Admiral Ito once. Then came Vera Lind. We thanked Vera Lind for it."
    assert topics(passage(text)) == ["Vera Lind", "Admiral Ito"]


def test_names_are_linked_where_one_sentence_has_both():
    text = "We met Admiral Ito and the crew of Aurora Borealis. Then came Vera Lind."
    read = passage(text)
    assert linked(read, read.sentences) == [("Admiral Ito", "Aurora Borealis")]
    assert linked(read, read.sentences[1:]) == []


def test_a_name_is_not_linked_with_a_part_of_itself():
    text = "The Court of Appeals for the Federal Circuit is a Court of Appeals."
    read = passage(text)
    assert linked(read, read.sentences) == []
