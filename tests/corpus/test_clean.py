"""Cleaning keeps the way back to the source, and its steps do what they say."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.corpus.clean import clean, clean_counted, make_step, preview
from metier.corpus.edits import Edit
from metier.corpus.steps import STEPS
from metier.errors import DataError
from metier.origin import to_source
from metier.types import CleanDocument, Document, Region

DATA = Path(os.environ.get("METIER_DATA", Path(__file__).parents[2] / "../shared/data"))

MAIL = """From: joe@example.org (Joe Doe)
Subject: Re: engines
 and brakes
Organization: Example
Lines: 9

In article <123@host.edu>, kim@host.edu (Kim
Lee) writes:
>The brakes are bad.
>Are they?

They are not. See joe@example.org.

--
Joe Doe, joe@example.org
"""


def cleaned(text: str, *names: str, **metadata: object) -> str:
    document = Document("d", text, metadata=metadata)
    return clean(document, [make_step(name) for name in names]).text


def assert_accounted_for(document: CleanDocument) -> None:
    position = source_position = 0
    for piece in document.pieces:
        assert piece.start == position < piece.end
        assert source_position <= piece.source_start <= piece.source_end
        if piece.verbatim:
            source = document.source_text[piece.source_start : piece.source_end]
            assert document.text[piece.start : piece.end] == source
        position, source_position = piece.end, piece.source_end
    assert position == len(document.text)
    assert source_position <= len(document.source_text)


class Cut:
    """A step of given edits, as shares of whatever text it meets."""

    name = "cut"

    def __init__(self, cuts):
        self.cuts = cuts

    def edits(self, draft):
        length = len(draft.text)
        return [Edit(*sorted((a % (length + 1), b % (length + 1))), r) for a, b, r in self.cuts]


places = st.integers(0, 60)
cuts = st.lists(st.tuples(places, places, st.sampled_from(["", "", "x", "[email]"])), max_size=5)


@given(st.text(max_size=40), st.lists(cuts, max_size=4))
def test_any_edits_leave_every_character_accounted_for(text, rounds):
    document = clean(Document("d", text), [Cut(cuts) for cuts in rounds])
    assert_accounted_for(document)
    for end in range(len(document.text) + 1):
        span = to_source(document, 0, end)
        assert 0 <= span.start <= span.end <= len(text)


@given(st.text(max_size=40), cuts)
def test_kept_and_taken_characters_make_up_the_source(text, edits):
    result = clean_counted(Document("d", text), [Cut(edits)])
    verbatim = sum(p.end - p.start for p in result.document.pieces if p.verbatim)
    assert verbatim + result.taken.get("cut", 0) == len(text)


words = st.text(st.sampled_from("ab1.,:;-_@<>|\n\n\t \f/&#()[]\u00ad\"'"), max_size=120)


@given(words, st.lists(st.sampled_from(sorted(STEPS)), max_size=5))
def test_all_steps_leave_every_character_accounted_for(text, names):
    document = Document("d", f"From: a@b\n{text}<p>{text}", metadata={"names": ["a", "b1"]})
    assert_accounted_for(clean(document, [make_step(name) for name in names]))


def test_mail_is_reduced_to_what_its_writer_said():
    text = cleaned(MAIL, "mail_headers", "quotes", "signatures", "addresses", "whitespace")
    assert text == "Re: engines\nand brakes\n\nThey are not. See ."


@pytest.mark.parametrize("above", ["\n", "\r\n \n"])
def test_headers_below_blank_lines_go_as_well(above):
    text = f"{above}From: a@example.org\nSubject: Tea\n\nIt is ready."
    assert cleaned(text, "mail_headers") == f"{above}Tea\n\nIt is ready."
    assert cleaned(f"{above} From: here\non", "mail_headers") == f"{above} From: here\non"


@pytest.mark.parametrize(
    "text", ["On page 3 he says\nthat it is so.", "On May 3, 1990 the court said,\nand held so."]
)
def test_prose_that_names_a_day_before_it_reports_speech_stays(text):
    assert cleaned(text, "quotes") == text
    assert cleaned(f"{text.splitlines()[0]}\n> so\nmine", "quotes") == "mine"


def test_headers_keep_no_field_when_told_so():
    document = clean(Document("d", MAIL), [make_step("mail_headers", {"keep": []})])
    assert document.text.lstrip().startswith("In article")
    assert "engines" in document.removed["mail_headers"]


PROSE = [
    "Note: this is prose.\n\nIt goes on.",
    " indented\n\ntext",
    "",
    "From the beginning of the year the court has held that fees are due.",
    "From time to time we publish notes.\nThe second line stays.",
    "From Monday on: closed.\n\nFrom: is a word",
]


@pytest.mark.parametrize("first", ["From a@b.c Mon Jan  4 10:00:00 1993", "From joe here"])
def test_a_mailbox_line_goes_with_its_headers(first):
    assert cleaned(f"{first}\nSubject: engines\n\nText", "mail_headers") == "engines\n\nText"


@pytest.mark.parametrize("text", PROSE)
def test_prose_has_no_mail_headers(text):
    assert cleaned(text, "mail_headers") == text


def test_quotes_with_an_announced_sign_go():
    text = "On Monday, 5 May 1993, kim@host.edu wrote:\n\n} one\n} two\n\nNo.\nx = {\n}"
    assert cleaned(text, "quotes", "whitespace") == "No.\nx = {"
    assert cleaned("int f() {\n}\n", "quotes") == "int f() {\n}\n"


def test_prose_that_reports_speech_stays():
    text = "Then the judge said:\n\nthe court is closed."
    assert cleaned(text, "quotes") == text


@pytest.mark.parametrize(
    "signature",
    ["\n-- \nKim\nhost.edu", "\nKim Lee", "\n=====\nKim, 555-123-4567\n=====", "\nkim@x.org"],
)
def test_signatures_go(signature):
    body = "First paragraph is long enough.\n\nSecond one, which no one signs with their name here."
    assert cleaned(f"{body}\n{signature}\n", "signatures").rstrip() == body


def test_a_last_paragraph_of_prose_is_no_signature():
    text = (
        "One.\n\nThis last paragraph mentions kim@host.edu in passing, fills its lines to the end\n"
    )
    assert cleaned(
        text + "and goes on for a second line that is about as long as the first.", "signatures"
    )
    assert "mentions" in cleaned(text + "and goes on " * 6, "signatures")


def test_personal_data_needs_its_checksum():
    text = (
        "Call +49 711 123-4567 or (212) 555-1234, mail a.b@example.org, "
        "pay DE89 3704 0044 0532 0130 00 or 4111 1111 1111 1111, "
        "from 192.168.0.1 or 2001:db8::1, SSN 078-05-1120."
    )
    expected = (
        "Call [phone] or [phone], mail [email], pay [iban] or [card], from [ip] or [ip], SSN [ssn]."
    )
    assert cleaned(text, "personal_data") == expected


@pytest.mark.parametrize(
    "text",
    [
        "part 4111 1111 1111 1112",
        "DE88 3704 0044 0532 0130 00",
        "999.1.1.1",
        "at 12:30:05",
        "a::b",
        "in 1993-1994",
        "000-12-3456",
        "std::vector",
        "§ 12.3-4",
        "2010 2011 2012",
        "Work: 09/2003-12/2004 at ACME",
        "on 01/2003-2004",
        "03/12 2004-2005",
        "case 08/1234-5678",
        "pop. +12 345 678 901",
        "1700000000004 and 1700000000012 milliseconds",
        "ISBN 978-0-306-40615-7",
    ],
)
def test_numbers_that_only_look_personal_stay(text):
    assert cleaned(text, "personal_data") == text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0711 / 123 456", "phone"),
        ("01/512 34 56", "phone"),
        ("+34 912 345 678", "phone"),
        ("+4971112345678", "phone"),
        ("+1 (212) 555-1234", "phone"),
        ("3782 822463 10005", "card"),
        ("5555555555554444", "card"),
        ("6011 1111 1111 1117", "card"),
        ("30569309025904", "card"),
    ],
)
def test_numbers_of_each_kind_go(text, kind):
    assert cleaned(f"see {text}, please", "personal_data") == f"see [{kind}], please"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("BE68 5390 0754 7034 EUR 12", "[iban] EUR 12"),
        ("DE89 3704 0044 0532 0130 00 BIC COBADEFF", "[iban] BIC COBADEFF"),
        ("FR14 2004 1010 0505 0001 3M02 606 A B", "[iban] A B"),
        ("+1 212 555 1234 2024-05-01", "[phone] 2024-05-01"),
        ("4111 1111 1111 1111 123", "[card] 123"),
        ("4111 1111 1111 1111 12/27", "[card] 12/27"),
        ("no. 1234 4111-1111-1111-1111", "no. 1234 [card]"),
        ("3782 822463 10005 1234", "[card] 1234"),
        ("DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "[iban]"),
        ("4111\u202f1111\u202f1111\u202f1111", "[card]"),
        ("+49\u00a0711\u00a0123\u20114567", "[phone]"),
    ],
)
def test_what_stands_beside_a_number_hides_it_not(text, left):
    assert cleaned(text, "personal_data") == left


def test_names_of_the_document_go_where_they_stand_alone():
    text = cleaned(
        "email.policy of _email, e-mail, emails. Email!", "remove_names", names=["email"]
    )
    assert text == ".policy of _, e-mail, emails. !"


def test_furniture_goes_and_pages_join():
    pages = [
        f"{n}\n\nSMITH v. JONES\nOpinion\n\nline {'abc'[n - 1]}\nend {'xyz'[n - 1]}\n"
        for n in (1, 2, 3)
    ]
    text = cleaned("\f".join(pages), "pdf_furniture")
    assert text == "line a\nend x\nline b\nend y\nline c\nend z\n"


def test_furniture_of_a_paged_source_is_found_by_regions():
    text = "Head\nfirst words\nHead\nother words\n"
    starts = [0, 5, 17, 22, len(text)]
    regions = tuple(
        Region(a, b, page, (0, 0, 1, 1))
        for a, b, page in zip(starts, starts[1:], (1, 1, 2, 2), strict=False)
    )
    document = clean(Document("d", text, regions=regions), [make_step("pdf_furniture")])
    assert document.text == "first words\nother words\n"
    assert to_source(document, 12, 17).page == 2


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("pos\u00ad\nsesses", "possesses"),
        ("infor-\nmation", "information"),
        ("a well-\nknown fact that is well known", "a well-known fact that is well known"),
        ("cross-\nroad; the cross-road", "cross-road; the cross-road"),
        ("in-\nform and inform and in a form", "inform and inform and in a form"),
        ("Anglo-\nAmerican", "Anglo-American"),
        ("1990-\n1991", "1990-\n1991"),
        ("a list:\n- one\n- two", "a list:\n- one\n- two"),
    ],
)
def test_split_words_are_joined_with_judgement(text, joined):
    assert cleaned(text, "hyphenation") == joined


def test_lost_hyphens_are_restored_only_with_evidence():
    step = make_step("hyphenation", {"lost": True})
    text = (
        "the Com\nmission is here. The Commission can\nnot go in\nto town. I cannot say more into"
    )
    expected = text.replace("Com\nmission", "Commission").replace("can\nnot", "cannot")
    assert clean(Document("d", text), [step]).text == expected.replace("in\nto", "into")


def test_a_dictionary_is_evidence_for_words_that_stand_nowhere_else():
    step = make_step("hyphenation", {"dictionary": "en"})
    text = "an er\nroneous view of in\nside voices, quintessential\nsophistry and habeas\nreview"
    assert clean(Document("d", text), [step]).text == text.replace("er\nroneous", "erroneous")
    lost = make_step("hyphenation", {"lost": True})
    assert clean(Document("d", text), [lost]).text == text


def test_a_rare_half_is_no_word_where_the_whole_is_a_common_one():
    step = make_step("hyphenation", {"dictionary": "en"})
    text = "they dis\ncovered a con\nstable with\nout any over\nsight"
    joined = text.replace("dis\n", "dis")
    assert clean(Document("d", text), [step]).text == joined
    spoken_of = f"{text}. Dis is a city of Dante's."
    assert clean(Document("d", spoken_of), [step]).text == spoken_of


def test_a_word_that_owns_something_is_joined_as_well():
    step = make_step("hyphenation", {"dictionary": "en"})
    text = "the pris\noner’s parole under Cali\nfornia's statute, and he did\nn’t say"
    joined = text.replace("pris\n", "pris").replace("Cali\n", "Cali")
    assert clean(Document("d", text), [step]).text == joined


def test_a_language_without_a_dictionary_is_refused_by_name():
    with pytest.raises(DataError, match='no dictionary "english"; choose from '):
        make_step("hyphenation", {"dictionary": "english"})


def test_html_keeps_what_a_reader_reads():
    page = """<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body>
    <nav><a href="/">Home</a></nav><script>if (a < b) { x("</p>") }</script>
    <main><h1>Fish &amp; chips</h1><p>A <b>good</b>
    meal&nbsp;costs 5 &lt; 6.</p><!-- <p>no</p> --><pre>a
      b</pre></main><footer>Imprint</footer></body></html>"""
    document = clean(Document("d", page), [make_step("html")])
    assert document.text == "Fish & chips\n\nA good meal\xa0costs 5 < 6.\n\na\n      b"
    start = document.text.index("good")
    span = to_source(document, start, start + 4)
    assert page[span.start : span.end] == "good"
    assert_accounted_for(document)


def test_html_without_closing_tags_or_inside_a_form_is_read():
    page = "<html><head><title>T</title><body><form><p>One<p>Two <br>three<li>Four</form>"
    assert cleaned(page, "html") == "One\n\nTwo\n\nthree\n\nFour"


HIDES_NOTHING = [
    '<input list=x><datalist id=x><option value="a"><option value="b">one</datalist>',
    "<select><option>one<option>two</select>",
    '<svg class="i" />',
    '<svg class="i"/>',
    '<script src="a.js"/>',
    "<!-->",
    "<!--->",
    "<!-- a -- b --!>",
    "<nav><nav>Menu</nav>",
    "<aside><option>Menu</aside>",
    "<button>",
    "<style>",
    "<object data=x><object></object>",
]


@pytest.mark.parametrize("part", HIDES_NOTHING)
def test_what_is_not_closed_as_it_should_hides_nothing_behind_it(part):
    page = f"<html><body><p>Before</p>{part}<p>The main text of the page.</p></body></html>"
    assert cleaned(page, "html") == "Before\n\nThe main text of the page."


def test_a_head_that_is_never_closed_ends_with_the_first_paragraph():
    page = "<html><head><title>T</title><script>a</script><p>One<p>Two"
    assert cleaned(page, "html") == "One\n\nTwo"


def test_a_heading_that_is_a_link_stays_above_its_text():
    page = """<body><h1><a href="/p">The page</a></h1><h2><a href="#s">Syntax</a></h2><p>Main text.
      </p><h3><a href="/q">Another page</a></h3><ul><li><a href="/r">And one more</a></ul></body>"""
    assert cleaned(page, "html") == "The page\n\nSyntax\n\nMain text."


def test_plain_text_is_no_html():
    text = "if a < b and c > d: <see> &amp; go"
    assert cleaned(text, "html") == text


def test_preview_shows_each_step():
    steps = [make_step("addresses"), make_step("whitespace")]
    first, second = preview(Document("d", "see  a@b.org  now"), steps)
    assert (first.after, first.taken) == ("see    now", ("a@b.org",))
    assert (second.before, second.after) == (first.after, "see now")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("quote", {}, 'did you mean "quotes"'),
        ("mail_headers", {"kep": []}, 'did you mean "keep"'),
        ("mail_headers", {"keep": "subject"}, "must be a list of strings"),
        ("addresses", {"urls": 1}, "must be bool"),
        ("personal_data", {"kinds": ["mail"]}, "choose from email"),
        ("whitespace", {"x": 1}, "it has no options"),
    ],
)
def test_a_wrong_step_names_its_mend(name, options, message):
    with pytest.raises(DataError, match=message):
        make_step(name, options)


UNITS = "a| |\n|@|a@|<|<a '\">|<p|&|1|1-|1 |::|> |-\n|\f|A1|a.|a-\n|In article <|x:\n|+1 |<!--|( "
UNITS += "|\u00ad\n| writes|x  |a@b.cd |AA11 |On 1|A b\n|(1|www.|1.|]\n|\t\n| \n|<script>|</p"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", sorted(STEPS))
def test_no_input_makes_a_step_run_for_ever(name):
    """Quadratic time on one of these would take minutes; linear time takes a second for all."""
    for unit in UNITS.split("|"):
        text = "From: a@b\n\n<p>" + unit * (60_000 // len(unit))
        clean(Document("d", text, metadata={"names": ["a"]}), [make_step(name)])


@pytest.mark.data
def test_newsgroups_steps_equal_scikit_learns():
    from sklearn.datasets import _twenty_newsgroups as reference

    path = DATA / "newsgroups20" / "test.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        texts = [json.loads(row)["text"] for row in rows]
    steps = [make_step(f"newsgroups_{part}") for part in ("headers", "footers", "quotes")]
    for text in texts:
        expected = reference.strip_newsgroup_footer(reference.strip_newsgroup_header(text))
        expected = reference.strip_newsgroup_quoting(expected)
        assert clean(Document("d", text), steps).text == expected


lines = st.lists(st.sampled_from(["", " ", "--", "> q", "x writes: y", "text", "A: b"]), max_size=9)


@given(lines)
def test_newsgroups_steps_equal_scikit_learns_on_odd_texts(lines):
    from sklearn.datasets import _twenty_newsgroups as reference

    text = "\n".join(lines)
    assert cleaned(text, "newsgroups_headers") == reference.strip_newsgroup_header(text)
    assert cleaned(text, "newsgroups_footers") == reference.strip_newsgroup_footer(text)
    assert cleaned(text, "newsgroups_quotes") == reference.strip_newsgroup_quoting(text)
