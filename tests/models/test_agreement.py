"""Every engine gives the reference's greedy text and log probabilities.

Both run in 32 bits here. The tolerance of 0.01 on a whole answer's log probability is three times
the largest difference seen without an adapter (fp32 sums in another order), and 0.03 is allowed
with one that moves log probabilities by whole units; greedy texts are equal unless two tokens
are as good as tied, so one text in eight may part.
"""

import pytest

from metier.types import GenerateConfig, Message

from .conftest import ask

pytestmark = pytest.mark.models

PROMPTS = [
    ask("What is the capital of France?"),
    ask("Count from one to five."),
    ask("Write one sentence about the moon."),
    ask("Translate to French: good morning."),
    ask("Is a whale a fish? Answer yes or no."),
    ask("def fibonacci(n):"),
    (Message("system", "You are a pirate."), Message("user", "Say hello.")),
    (*ask("Name a fruit."), Message("assistant", "Apple."), Message("user", "Another one.")),
]
ANSWERS = ["Paris.", "yes", "1, 2, 3, 4, 5", "A whale is a mammal.", "Bonjour."]


def texts(model):
    config = GenerateConfig(max_new_tokens=20)
    return [done.text for done in model.generate(PROMPTS, config)]


def logs(model):
    return model.loglikelihood([(prompt, answer) for prompt in PROMPTS[:3] for answer in ANSWERS])


@pytest.mark.parametrize("engine", ["openvino", "remote"])
def test_without_an_adapter(request, engine, reference):
    model = request.getfixturevalue(engine)
    same = sum(a == b for a, b in zip(texts(model), texts(reference), strict=True))
    assert same >= len(PROMPTS) - 1
    assert logs(model) == pytest.approx(logs(reference), abs=0.01)


@pytest.mark.parametrize("engine", ["tuned_openvino", "tuned_remote"])
def test_with_an_adapter(request, engine, reference, tuned_reference):
    model = request.getfixturevalue(engine)
    expected = texts(tuned_reference)
    assert sum(a != b for a, b in zip(expected, texts(reference), strict=True)) >= 4
    same = sum(a == b for a, b in zip(texts(model), expected, strict=True))
    assert same >= len(PROMPTS) - 1
    assert logs(model) == pytest.approx(logs(tuned_reference), abs=0.03)


@pytest.mark.parametrize("engine", ["reference", "openvino"])
def test_a_shared_beginning_changes_no_score(request, engine):
    model = request.getfixturevalue(engine)
    examples = " ".join(f"Example {place}: the answer is red." for place in range(12))
    batch = [ask(f"{examples} Question: {what}?") for what in ("sky", "blood", "grass and leaves")]
    labels = ("red", "blue", "green", "reddish")
    together = model.score_labels(batch, labels)
    alone = [model.score_labels([conversation], labels)[0] for conversation in batch]
    for one, other in zip(together, alone, strict=True):
        assert one.log_likelihoods == pytest.approx(other.log_likelihoods, abs=0.01)
    assert sum(one.usage.cached_tokens for one in together) > 100  # all but the first one read


def test_label_scores_equal_a_plain_forward_pass(reference):
    import torch

    labels = ("rec", "rec.autos", "recommendation")
    prompt = reference._chat.prompt(PROMPTS[0])
    scored = reference.score_labels([PROMPTS[0]], labels)[0].log_likelihoods
    for label, log in zip(labels, scored, strict=True):
        answer = reference._chat.answer(label)
        with torch.no_grad():
            logits = reference._engine._model(torch.tensor([prompt + answer])).logits[0]
        steps = logits[len(prompt) - 1 : -1].log_softmax(-1)
        assert steps[range(len(answer)), answer].sum().item() == pytest.approx(log, abs=1e-3)
