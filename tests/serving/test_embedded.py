"""The command with the embedded model, asked by the official client and by ``llm``."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import openai
import pytest
from benchmarks.constrained import forms, outcome

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "size": {"enum": ["big", "small"]}},
    "required": ["city", "size"],
    "additionalProperties": False,
}


@pytest.mark.models
def test_answers_at_once_are_those_given_alone(embedded):
    texts = [f"Name a city in {country}." for country in ("France", "Spain", "Peru")]
    alone = [embedded.ask(text).choices[0].message.content for text in texts]
    with ThreadPoolExecutor(3) as clients:
        assert [a.choices[0].message.content for a in clients.map(embedded.ask, texts)] == alone
    stream = embedded.ask(texts[0], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == alone[0]


@pytest.mark.models
def test_log_probabilities_schemas_and_enums_are_kept(embedded):
    made = embedded.ask("Hello", logprobs=True, top_logprobs=2, max_tokens=3).choices[0]
    assert "".join(log.token for log in made.logprobs.content) == made.message.content
    assert all(len(log.top_logprobs) == 2 and log.logprob <= 0 for log in made.logprobs.content)
    form = {"type": "json_schema", "json_schema": {"name": "c", "schema": SCHEMA}}
    said = embedded.ask("Paris is big.", response_format=form, max_tokens=60)
    jsonschema.validate(json.loads(said.choices[0].message.content), SCHEMA)
    said = embedded.ask("Is the sky blue?", extra_body={"enum": ["it is", "it is not"]})
    assert said.choices[0].message.content in ("it is", "it is not")
    with pytest.raises(openai.BadRequestError, match="schema cannot be used"):
        bad = {"name": "c", "schema": {"type": "nothing"}}
        embedded.ask("?", response_format={"type": "json_schema", "json_schema": bad})


@pytest.mark.models
def test_drafts_of_one_request_read_its_prompt_once(embedded):
    text = "Which is the largest? " + "A whale, a mouse, a horse, a bee, a tree. " * 8
    thinking = {"method": "self_consistency", "drafts": 3, "budget_tokens": 15}
    said = embedded.ask(text, extra_body={"thinking": thinking, "enum": ["whale", "mouse"]})
    assert said.choices[0].message.content in ("whale", "mouse")
    assert len(set(said.thinking["drafts"])) > 1
    # Four prompts of more than 100 tokens are counted; all but the first were known.
    cached = said.usage.prompt_tokens_details.cached_tokens
    assert cached > 0.5 * said.usage.prompt_tokens


@pytest.mark.models
def test_fuzzed_forms_are_filled_in_validly_or_refused_by_their_keyword(embedded):
    asked = forms(20, seed=1)
    with ThreadPoolExecutor(10) as clients:
        found = list(clients.map(lambda form: outcome(embedded.client, embedded.name, form), asked))
    assert {one["outcome"] for one in found} <= {"valid", "unsupported", "too_short"}, found
    assert sum(one["outcome"] == "valid" for one in found) >= 12


@pytest.mark.models
def test_what_is_too_long_is_refused_and_a_known_beginning_is_cached(embedded):
    with pytest.raises(openai.BadRequestError) as refused:
        embedded.ask("word " * 10_000)
    assert refused.value.code == "context_length_exceeded"
    long = "The sea is deep and the land is wide. " * 20
    embedded.ask(long, max_tokens=1)
    assert embedded.ask(long, max_tokens=1).usage.prompt_tokens_details.cached_tokens > 100


@pytest.mark.models
def test_another_client_asks_as_well(embedded, tmp_path):
    models = f"- model_id: ours\n  model_name: {embedded.name}\n  api_base: {embedded.url}\n"
    (tmp_path / "extra-openai-models.yaml").write_text(models, encoding="utf-8")

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "llm",
            "-m",
            "ours",
            "--key",
            "none",
            "-o",
            "max_tokens",
            "5",
            "Hello",
        ],
        env={**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
