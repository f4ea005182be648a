"""The page holds everything, runs nothing of what it shows, and stands alone."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from report_runs import build, docstrings, only

from metier.decision.report import html
from metier.errors import DataError
from metier.types import Answer, Example, Message, RunReport, Score

ATTACK = '</script><script>alert(1)</script><img src=x onerror="alert(2)"> & <!-- \u2028 \ud800'


class Page(HTMLParser):
    """Counts elements and keeps the scripts' texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.links: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self._inside = tag
        for key, value in attrs:
            self.links += [value] if key in ("href", "src") else []
            self.ids += [value] if key == "id" else []
            self.handlers += [f"{key}={value}"] if key.startswith("on") else []
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def rebuilt(page: Page) -> dict:
    """The items as the page's script puts them together."""
    data = json.loads(page.scripts[0])
    strings, found = data["strings"], {}
    for key, text, target, answers in data["items"]:
        units = text.encode("utf-16-le", "surrogatepass")
        for rung, answer, value, *_, prompt, labels, odds, _cites, _why in answers:
            told = [
                strings[before]
                + units[: 2 * length].decode("utf-16-le", "surrogatepass")
                + strings[after]
                for _role, before, length, after in prompt
            ]
            given = dict(zip([strings[one] for one in labels], odds, strict=True))
            found[key, data["rungs"][rung][0]] = (text, target, answer, value, told, given)
    return found


def test_every_prompt_and_answer_is_in_the_page(run):
    found = rebuilt(Page(html(run)))
    for card in run.scorecards:
        for item in card.items:
            text, target, answer, value, told, odds = found[item.example, card.rung]
            assert (text, target, answer) == (item.input, item.target, item.answer.text)
            assert value == item.scores[0].value
            assert told == [message.content for message in item.answer.prompt]
            assert odds == pytest.approx(item.answer.probabilities, rel=0.006)


@pytest.mark.parametrize("text", [ATTACK, "😀 " * 60, "مرحبا بالعالم " * 20, "x" * 300_000, ""])
def test_odd_texts_survive_unharmed(run, text):
    cut = text[: len(text) // 2]
    odd = with_text(run, text, (Message("user", f"before\n{cut}\nafter"), Message("user", text)))
    page = Page(html(odd))
    assert page.tags["script"] == 2
    assert "img" not in page.tags
    assert page.handlers == ["onsubmit=return false"]
    key = odd.scorecards[0].items[0].example
    shown, _, answer, _, told, _ = rebuilt(page)[key, odd.scorecards[0].rung]
    assert (shown, answer, told) == (text, text, [f"before\n{cut}\nafter", text])


def test_names_reasons_and_recipe_are_escaped(run):
    hostile = replace(
        run,
        name=ATTACK,
        recipe=ATTACK,
        hardware=ATTACK,
        decision=replace(run.decision, reasons=(ATTACK,)),
    )
    page = Page(html(hostile))
    assert page.tags["script"] == 2
    assert "img" not in page.tags
    assert page.text.count("alert(1)") >= 4


def test_the_page_can_be_written_as_utf8(run):
    html(with_text(run, ATTACK, ())).encode("utf-8")


def test_nothing_is_loaded_from_elsewhere(run):
    text = html(run)
    page = Page(text)
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"url\(|@import|https?://(?!.*pre>)", text.split("<main>")[0])
    for link in page.links:
        assert link[1:] in page.ids


def test_pictures_have_a_text_alternative(run):
    text = html(run)
    assert text.count("<svg ") == text.count('role="img"') == text.count("aria-label=") - 1


def test_without_javascript_the_first_fifty_items_are_readable(run):
    inside = html(run).split("<noscript>")[1].split("</noscript>")[0]
    assert inside.count('<details class="item">') == 50


def test_losses_come_before_wins(run):
    inside = html(run).split("<noscript>")[1]
    tags = re.findall(r'class="tag ([a-z-]+)"', inside)
    order = ["lost", "won", "both-wrong", "both-right"]
    assert tags == sorted(tags, key=order.index)


@pytest.mark.parametrize("verdict", ["ship", "cannot_tell", "none_passes"])
def test_the_verdict_opens_the_page(run, verdict):
    rung = run.decision.rung if verdict == "ship" else None
    decision = replace(run.decision, verdict=verdict, rung=rung, items_needed=410)
    text = html(replace(run, decision=decision))
    opening = re.search(r"<h1[^>]*>(.*?)</h1>", text).group(1)
    told = {"ship": "Ship tfidf", "cannot_tell": "410 more test items", "none_passes": "none"}
    assert told[verdict] in opening
    assert ('class="badge"' in text) == (verdict == "ship")


def test_one_rung_alone(run):
    text = html(only(run, "tfidf"))
    assert 'id="comparisons"' not in text
    assert "right</span>" in text


def test_without_retention_costs_probabilities_or_curve(run):
    bare = replace(
        run,
        retention=(),
        curve=(),
        leak_probe=None,
        overlaps=(),
        candidates=(),
        scorecards=tuple(_bare(card) for card in run.scorecards),
    )
    text = html(bare)
    for section in ("retention", "curve", "reliability", "cost"):
        assert f'id="{section}"' not in text
    assert "—" in text


def test_seconds_stand_in_for_prices(run):
    cards = tuple(replace(card, cost_per_thousand=None) for card in run.scorecards)
    assert "seconds per call (log scale)" in html(replace(run, scorecards=cards))


def test_rungs_that_were_not_built_are_named_with_their_reason(run):
    text = html(replace(run, left_out={"long_context": "9,000 tokens do not fit <8,192>"}))
    assert "9,000 tokens do not fit &lt;8,192&gt;" in text
    assert "Left out" not in html(run)


def test_free_answers_have_no_confusion_matrix(run):
    task = replace(run.dataset.task, kind="short_answer", labels=())
    report = replace(run, dataset=replace(run.dataset, task=task))
    assert 'id="confusion"' not in html(report)


@pytest.mark.parametrize("labels", [2, 50])
def test_few_and_many_labels(labels):
    examples = [
        Example(f"e{index}", f"{one.input} topic {index % labels}", f"label {index % labels:02}")
        for index, one in enumerate(docstrings()[:500])
    ]
    text = html(build(examples, test=150))
    matrix = text.split('class="plot matrix"')[1].split("</svg>")[0]
    assert matrix.count('class="label') == 2 * labels
    assert ("on-light" in matrix or "on-dark" in matrix) == (labels == 2)


def test_a_run_without_scorecards_is_refused(run):
    with pytest.raises(DataError, match="no scorecards"):
        html(replace(run, scorecards=()))


def test_a_single_item(run):
    cards = tuple(replace(card, items=card.items[:1]) for card in run.scorecards)
    assert "1 items" in html(replace(run, scorecards=cards))


def test_answers_off_the_list_get_a_column(run):
    text = html(with_text(run, "no such label", ()))
    assert "(not on the list)" in text


def test_a_large_run_stays_small_enough_to_open():
    examples = docstrings()
    many = [replace(one, id=f"{one.id}-{copy}") for copy in range(2) for one in examples]
    report = build(many, test=800, repeat_rungs=2)
    assert len(report.scorecards) >= 8
    assert len(report.scorecards[0].items) == 800
    assert len(html(report).encode()) < 8_000_000


def with_text(run: RunReport, text: str, prompt: tuple[Message, ...]) -> RunReport:
    card = run.scorecards[0]
    score = Score("accuracy", 0.0, text)
    item = replace(
        card.items[0], input=text, answer=Answer(text, prompt=prompt), target=text, scores=(score,)
    )
    return replace(
        run, scorecards=(replace(card, items=(item, *card.items[1:])), *run.scorecards[1:])
    )


def _bare(card):
    items = tuple(
        replace(item, answer=replace(item.answer, probabilities=None)) for item in card.items
    )
    return replace(
        card, items=items, cost_per_thousand=None, metrics={"accuracy": card.metrics["accuracy"]}
    )
