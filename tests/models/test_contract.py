"""What every language model has to do, whatever its engine."""

import json

import jsonschema
import pytest

from metier.errors import EndpointError
from metier.models.engines.openai import OpenAIModel
from metier.protocols import LanguageModel
from metier.types import GenerateConfig

from .conftest import ask

pytestmark = pytest.mark.models

LABELS = ("rec", "rec.autos", "recommendation", "sci.space", "naïve – 日本語", "comp.graphics")
SCHEMAS = [
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "age": {"type": "integer", "minimum": 0, "maximum": 120},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    },
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
    {"enum": ["yes", "no", "ja – nein"]},
]


def test_it_is_a_language_model(model):
    assert isinstance(model, LanguageModel)
    assert model.name


def test_answers_come_in_order_and_do_not_depend_on_the_batch(model):
    batch = [ask("Name a colour."), ask("What is the capital of France?"), ask("Count to three.")]
    config = GenerateConfig(max_new_tokens=12)
    together = model.generate(batch, config)
    alone = [model.generate([conversation], config)[0] for conversation in batch]
    assert [done.text for done in together] == [done.text for done in alone]
    for one, other in zip(together, alone, strict=True):  # what was cached may differ
        assert one.usage.prompt_tokens == other.usage.prompt_tokens
        assert one.usage.completion_tokens == other.usage.completion_tokens
    assert all(done.usage.prompt_tokens > 0 for done in together)


def test_length_is_bounded_and_told(model):
    done = model.generate(
        [ask("Tell a long story about the sea.")], GenerateConfig(max_new_tokens=2)
    )
    assert done[0].usage.completion_tokens <= 3
    assert done[0].finish_reason == "length"


def test_stop_strings_end_the_answer_and_are_left_out(model):
    whole = model.generate([ask("What is the capital of France?")], GenerateConfig())[0].text
    stop = whole[len(whole) // 2 :][:3]
    config = GenerateConfig(stop=(stop,))
    done = model.generate([ask("What is the capital of France?")], config)[0]
    assert done.text == whole[: whole.index(stop)]
    assert done.finish_reason == "stop"


def test_streamed_pieces_make_the_generated_text(model):
    config = GenerateConfig(max_new_tokens=16, stop=("zzz",))
    conversation = ask("Write 'naïve – 日本語' three times.")
    assert "".join(model.stream(conversation, config)) == (
        model.generate([conversation], config)[0].text
    )


def test_a_seed_repeats_a_sample(model):
    config = GenerateConfig(max_new_tokens=12, temperature=1.5, top_p=0.95, seed=3)
    batch = [ask("Invent a word.")]
    first = model.generate(batch, config)[0].text
    assert model.generate(batch, config)[0].text == first
    others = {
        model.generate(batch, GenerateConfig(max_new_tokens=12, temperature=1.5, seed=seed))[0].text
        for seed in range(3)
    }
    assert len(others) > 1


@pytest.mark.parametrize("choices", [LABELS, ("a",), ("a", "ab", "abc")])
def test_choices_are_kept_to(model, choices):
    batch = [ask("My car broke down."), ask("Stars and rockets."), ask("日本語")]
    for temperature in (0.0, 2.0):
        config = GenerateConfig(choices=choices, temperature=temperature, max_new_tokens=32)
        assert all(done.text in choices for done in model.generate(batch, config))


@pytest.mark.parametrize("schema", SCHEMAS, ids=["object", "array", "enum"])
def test_json_fits_its_schema(model, schema):
    config = GenerateConfig(json_schema=schema, max_new_tokens=120)
    for done in model.generate([ask("Describe a person."), ask("True or false?")], config):
        jsonschema.validate(json.loads(done.text), schema)


def test_label_scores_are_log_likelihoods(model):
    batch = [ask("My car broke down."), ask("Which group is about rockets and stars?")]
    labels = LABELS
    if isinstance(model, OpenAIModel):  # an endpoint spells tokens, and half a character has none
        with pytest.raises(EndpointError, match="plain letters"):
            model.score_labels(batch[:1], LABELS)
        labels = tuple(label for label in LABELS if label.isascii())
    scored = model.score_labels(batch, labels)
    whole = model.loglikelihood([(turn, label) for turn in batch for label in labels])
    flat = [log for scores in scored for log in scores.log_likelihoods]
    assert flat == pytest.approx(whole, abs=0.01)
    assert all(log < 0 for log in flat)
    assert all(scores.usage.prompt_tokens > 0 for scores in scored)


def test_tokens_are_counted_and_cut(model):
    text = "Grüße aus 日本: the quick brown fox jumps over 12345 lazy dogs. " * 5
    assert model.count_tokens("") == 0
    for limit in (1, 7, 20):
        cut = model.truncate(text, limit)
        assert text.startswith(cut)
        assert 0 < model.count_tokens(cut) <= limit
    assert model.truncate("short", 100) == "short"


def test_an_empty_batch_is_answered_with_nothing(model):
    assert model.generate([], GenerateConfig()) == []
    assert model.loglikelihood([]) == []
    assert model.score_labels([], ["a"]) == []
