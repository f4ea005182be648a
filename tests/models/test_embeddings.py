"""Sentence vectors: unit length, the same as the library's own, the whole of long texts."""

import numpy as np
import pytest

from metier.models.embeddings import MOST_WINDOWS, _starts
from metier.models.engines.fake import FakeEmbedder
from metier.models.names.resolve import resolve
from metier.models.registry import LocalModels
from metier.protocols import Embedder

pytestmark = pytest.mark.models
TEXTS = ["A cat sits on a mat.", "Stock markets fell.", "", "Grüße aus 日本", "word " * 700]


@pytest.fixture(scope="module", params=["minilm", "fake"])
def embedder(request):
    if request.param == "fake":
        return FakeEmbedder()
    return LocalModels().embedder("all-minilm-l6-v2")


def test_vectors_have_length_one_and_repeat(embedder):
    assert isinstance(embedder, Embedder)
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(vectors, embedder.embed(TEXTS))


def test_tokens_are_counted_as_the_encoder_reads_them(embedder):
    assert embedder.count_tokens("the cat sat") == 3
    assert embedder.count_tokens("") == 0


def test_no_texts_give_no_rows(embedder):
    assert embedder.embed([]).shape[0] == 0


def test_the_end_of_a_long_text_counts(embedder):
    start = "The weather was fine and the sea was calm. " * 40
    plain, changed = embedder.embed([start, start + "Tax law and court fees. " * 60])
    assert plain @ changed < 0.95


def test_a_book_is_read_at_windows_spread_over_it():
    assert _starts(0, 100) == [0]
    assert _starts(201, 100) == [0, 100, 200]
    starts = _starts(1_000_000, 100)
    assert len(starts) == MOST_WINDOWS
    assert starts[0] == 0 and starts[-1] > 980_000
    assert {start % 100 for start in starts} == {0}


def test_equal_to_sentence_transformers_on_short_texts():
    from sentence_transformers import SentenceTransformer

    ours = LocalModels().embedder("all-minilm-l6-v2").embed(TEXTS[:4])
    theirs = SentenceTransformer(str(resolve("all-minilm-l6-v2"))).encode(TEXTS[:4])
    assert (ours * theirs).sum(1) == pytest.approx(1, abs=1e-3)
