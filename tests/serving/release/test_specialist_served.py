"""A specialist over HTTP answers item by item as it was measured."""

import openai
import pytest

from metier.models.engines.fake import FakeModels
from metier.serial import read
from metier.serving.catalogue.entries import Makers, open_catalogue
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.writers import PlainWriter, SpecialistWriter
from metier.serving.gate.access import Access
from metier.serving.gate.gateway import Gateway
from metier.serving.records.book import Book
from metier.serving.release.specialist import load
from metier.types import RunReport
from tests.serving.server import serving


@pytest.fixture
def served(finished, tmp_path):
    batcher, models = Batcher(), FakeModels()
    makers = Makers(
        lambda place: SpecialistWriter(load(place, models=models), batcher),
        lambda name, adapter: PlainWriter(models.language_model(name, adapter=adapter), batcher),
        models.embedder,
        "fake",
    )
    targets = [f"docs={finished[0]}", "fake"]
    catalogue = open_catalogue(targets, makers, embedder=None)
    book = Book(tmp_path / "book")
    with serving(Gateway(catalogue, book, Access(book), batcher)) as url:
        yield openai.OpenAI(base_url=url, api_key="none", max_retries=0)


def ask(client, text, **options):
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="docs", messages=messages, **options)


def test_every_item_is_answered_as_it_was_measured(served, finished):
    report = read(RunReport, finished[0] / ".metier" / "report.json")
    card = next(card for card in report.scorecards if card.rung == report.decision.rung)
    for item in card.items:
        message = ask(served, item.input).choices[0].message
        assert message.content == item.answer.text
        assert message.probabilities == pytest.approx(dict(item.answer.probabilities))


def test_it_streams_its_answer_and_keeps_to_its_own_form(served):
    whole = ask(served, "Extract the archive.").choices[0].message
    chunks = list(ask(served, "Extract the archive.", stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole.content
    assert any(getattr(c.choices[0].delta, "probabilities", None) for c in chunks)
    with pytest.raises(openai.BadRequestError, match="in the form it was measured in"):
        ask(served, "Extract.", extra_body={"enum": ["a", "b"]})
