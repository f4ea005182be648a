"""A cross-encoder, made here with random weights: sizes, order, and what is none."""

import json

import pytest

from metier.errors import ModelFileError
from metier.models.registry import LocalModels

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "apple", "car", "green", "pear"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder = tmp_path_factory.mktemp("tiny-cross-encoder")
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=1,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_each_pair_gets_its_score_whatever_its_batch(directory):
    model = LocalModels().cross_encoder(str(directory))
    pairs = [("red", "apple " * n) for n in (1, 600, 3, 9)] * 6
    together = model.relevance(pairs)
    alone = [model.relevance([pair])[0] for pair in pairs[:4]]
    assert together[:4] == pytest.approx(alone, abs=1e-4)
    assert together[:4] == pytest.approx(together[4:8], abs=1e-4)
    assert len(set(alone)) == 4
    assert model.relevance([]) == []


def test_other_models_are_none(directory, tmp_path):
    from metier.models.cross_encoder import CrossEncoder

    other = tmp_path / "two-labels"
    other.mkdir()
    for file in directory.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    config = json.loads((other / "config.json").read_text())
    config["id2label"] = {"0": "no", "1": "yes"}
    (other / "config.json").write_text(json.dumps(config))
    assert LocalModels().cross_encoder(str(other)) is None
    assert LocalModels().cross_encoder("openai:some-model") is None
    with pytest.raises(ModelFileError, match="is no cross-encoder"):
        CrossEncoder(other)
