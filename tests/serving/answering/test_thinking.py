"""Drafts of an answer, and the vote among them."""

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.models.engines.fake import FakeModel
from metier.serving.answering.thinking import CONCLUDE, REASON, WEIGH, final, vote
from metier.serving.engines.reading import Written
from tests.serving.server import fake_gateway, serving


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2 + 2 is 4.\nThe answer is 4.", "4"),
        ("Answer: $1,250.00 in all", "1250"),
        ("First answer: 3. No, the final answer is: 7", "7"),
        ("Answer: 12,345,678.0 people", "12345678"),
        ("So much.\n#### 42", "42"),
        ("The answer is **Paris**.", "paris"),
        ("The answer to both questions is Paris in 1889.", "paris in 1889"),
        ("I cannot answer that question.", "i cannot answer that question"),
        ("  Paris. ", "paris"),
    ],
)
def test_the_last_marked_answer_is_compared(text, said):
    assert final(text) == said


@given(st.lists(st.sampled_from(["red", "Red.", "green", "the answer is blue"]), min_size=1))
def test_the_winner_has_the_most_votes(texts):
    winner, agreeing = vote([Written(text) for text in texts])
    counts = [sum(final(other) == final(text) for other in texts) for text in texts]
    assert agreeing == max(counts) == counts[texts.index(winner.text)]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    replies = {"Who?": "The answer is 4"}
    with serving(fake_gateway(tmp_path_factory.mktemp("thinking"), replies=replies)) as url:
        yield url


def ask(url, thinking, text="Who?", **options):
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    messages = [{"role": "user", "content": text}]
    extra = {"thinking": thinking, **options.pop("extra_body", {})}
    return client.chat.completions.create(
        model="fake", messages=messages, extra_body=extra, **options
    )


def test_usage_counts_all_drafts(url):
    answer = ask(url, {"method": "self_consistency", "drafts": 5})
    assert answer.thinking["votes"] == answer.thinking["agreeing"] == 5
    assert answer.choices[0].message.content == "The answer is 4"
    assert answer.usage.completion_tokens == 5 * 5 and answer.usage.prompt_tokens == 1


def test_drafts_keep_to_their_budget(url):
    answer = ask(url, {"drafts": 4, "budget_tokens": 8}, text="Tell me a long story.")
    assert all(len(draft.split()) <= 2 for draft in answer.thinking["drafts"])


def test_refinements_are_drawn_in_the_light_of_all_drafts(url, monkeypatch):
    seen = []
    generate = FakeModel.generate

    def spied(self, batch, config):
        seen.extend((conversation[-1].content, config) for conversation in batch)
        return generate(self, batch, config)

    monkeypatch.setattr(FakeModel, "generate", spied)
    thinking = {"method": "ensemble_refinement", "drafts": 3, "refinements": 2}
    answer = ask(url, thinking, extra_body={"enum": ["yes", "no"]})
    drafting, refining = seen[:3], seen[3:]
    assert all(text.endswith(REASON) and not config.choices for text, config in drafting)
    assert len({config.seed for _, config in drafting}) == 3
    assert len(refining) == answer.thinking["votes"] == 2
    for text, config in refining:
        assert text.startswith("Who?") and text.endswith(WEIGH)
        assert all(draft in text for draft in answer.thinking["drafts"])
        assert config.choices == ("yes", "no")
    assert answer.choices[0].message.content in ("yes", "no")


def test_a_bound_answer_is_concluded_from_each_draft(url, monkeypatch):
    seen = []
    generate = FakeModel.generate

    def spied(self, batch, config):
        seen.extend(batch)
        return generate(self, batch, config)

    monkeypatch.setattr(FakeModel, "generate", spied)
    answer = ask(url, {"drafts": 3}, extra_body={"enum": ["yes", "no"]})
    concluded = [one for one in seen if one[-1].content == CONCLUDE]
    assert [one[-2].content for one in concluded] == answer.thinking["drafts"]


@pytest.mark.parametrize("more", [{"stream": True}, {"n": 2}, {"logprobs": True}])
def test_what_a_vote_cannot_have_is_refused(url, more):
    messages = [{"role": "user", "content": "Who?"}]
    body = {"model": "fake", "messages": messages, "thinking": {"drafts": 3}, **more}
    assert httpx.post(f"{url}/chat/completions", json=body).status_code == 400
