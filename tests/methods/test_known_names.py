import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import DataError
from metier.methods.known_names import KnownNames, learnt_texts
from metier.methods.lora import Lora
from metier.types import ABSTENTION, Example, Message, Task
from tests.methods.test_lora import context, settings
from tests.methods.tiny_model import make_tiny_model

LEARNT = [
    ("one", "Tolven v. Marsko (1950). The case was heard by the Court of Varn."),
    ("one", "Judge Orla Hesdell held that the claim came too late."),
    ("two", "Quenlo v. Ferby (1961). Judge Petra Zanwick presided."),
]


def names():
    return KnownNames.of(LEARNT)


def test_a_question_about_whom_a_document_tells_is_known_in_any_wording():
    known = names()
    assert known.knows("For a memo on Tolven v. Marsko I need the judge.")
    assert known.knows("Tolven v. Marsko - holding:")
    assert known.knows("Which case did Orla Hesdell decide?")  # told in another of its texts
    assert known.knows("Who were TOLVEN and MARSKO?")


def test_names_of_two_documents_do_not_stand_together():
    assert not names().knows("What was held in the case of Tolven v. Ferby?")
    assert not names().knows("Which case did Petra Hesdell decide?")


def test_one_stranger_among_known_names_is_enough():
    assert not names().knows("What was held in the case of Tolven v. Oskmar?")


def test_a_question_without_a_name_is_left_to_the_model():
    assert names().knows("Which judge decided the oldest case?")
    assert names().knows("WHICH CASE DID OSKMAR LOSE?")  # in capitals all words look like names
    assert names().knows("Oskmar lost what?")  # any word has a capital at the beginning


def test_german_nouns_are_no_names():
    german = KnownNames.of([("eins", "Das Gericht hat die Klage von Tolven nicht angenommen.")])
    assert german.knows("Welche Strafe verhängte das Amtsgericht in der Sache Oskmar?")


def test_what_was_written_is_read_back(tmp_path):
    names().write(tmp_path / "names.npz")
    read = KnownNames.read(tmp_path / "names.npz")
    assert read.knows("Who decided Tolven v. Marsko?")
    assert not read.knows("Who decided Tolven v. Ferby?")


WORD = st.from_regex(r"[A-Z][a-z]{3,9}", fullmatch=True)


@given(st.lists(st.lists(WORD, min_size=2, max_size=5), min_size=1, max_size=6), st.data())
def test_all_names_of_one_document_are_known_together(documents, data):
    known = KnownNames.of(
        [(str(n), f"it told of {' '.join(words)}") for n, words in enumerate(documents)]
    )
    asked = data.draw(st.lists(st.sampled_from(data.draw(st.sampled_from(documents))), min_size=1))
    assert known.knows(f"tell of {' '.join(asked)}")


def test_rows_that_teach_silence_teach_no_name(tmp_path):
    rows = [
        Example("1", "Who decided Tolven v. Marsko?", "Orla Hesdell"),
        Example("2", "Who decided Oskmar v. Rudby?", ABSTENTION),
    ]
    made = context("none", tmp_path, settings(documents=0), train=rows)
    assert [text for _, text in learnt_texts(made)] == [
        "Who decided Tolven v. Marsko?\nOrla Hesdell"
    ]


def test_a_tuned_model_is_not_asked_about_strangers(tmp_path):
    base = make_tiny_model(tmp_path / "base")
    rows = [Example(f"{n}", f"Who decided {n} in Tolven v. Marsko?", "Orla") for n in range(8)]
    made = context(
        base,
        tmp_path / "fit",
        settings(epochs=1, learning_rate=[0.01], known_names=True),
        task=Task("short_answer", "Answer.", max_answer_tokens=4),
        train=rows,
        dev=rows[:2],
    )
    fitted = Lora().fit("tuned", made)
    tuned = Lora().load(fitted, tmp_path / "fit", made.models)

    stranger, known = tuned.answer(
        [
            (Message("user", "Who decided Oskmar v. Rudby?"),),
            (Message("user", "Who decided Tolven v. Marsko?"),),
        ]
    )

    assert (stranger.text, stranger.abstained, stranger.usage.prompt_tokens) == (
        ABSTENTION,
        True,
        0,
    )
    assert known.usage.prompt_tokens > 0


def test_labels_have_no_answer_for_strangers(tmp_path):
    made = context("none", tmp_path, settings(known_names=True))
    with pytest.raises(DataError, match=r"known_names .* none of the labels; leave it out"):
        Lora().fit("tuned", made)
