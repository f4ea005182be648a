import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import DataError, ModelFileError
from metier.methods.lora import Lora, conversation
from metier.models.registry import LocalModels
from metier.protocols import FitContext, silent
from metier.types import Example, Message, Task
from tests.methods.tiny_model import make_tiny_model

ROOT = Path(__file__).parents[2]
TASK = Task("classification", "Which colour?", labels=("red", "rose", "blue"))
WORDS = {"red": "xx", "rose": "mm", "blue": "qq"}


def rows(count, *, seed):
    generator = random.Random(seed)
    made = []
    for number in range(count):
        label = generator.choice(TASK.labels)
        filler = "".join(generator.choice("abc ") for _ in range(generator.randint(3, 12)))
        made.append(Example(f"{seed}-{number}", f"{filler}{WORDS[label]}", label))
    return made


def settings(**changed):
    small = {"rank": 4, "alpha": 8, "layers": 2, "epochs": 5, "learning_rate": [0.01, 0.003]}
    return {**Lora.defaults, **small, "dropout": 0.1, **changed}


def context(base, workdir, chosen, *, task=TASK, train=None, dev=None, progress=silent):
    workdir.mkdir(parents=True, exist_ok=True)
    return FitContext(
        task=task,
        train=rows(96, seed=1) if train is None else train,
        dev=rows(24, seed=2) if dev is None else dev,
        base=str(base),
        embedder="",
        models=LocalModels("transformers"),
        workdir=workdir,
        settings=chosen,
        seed=3,
        progress=progress,
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("base"))


@contextmanager
def all_digits():
    """Weights in float32, also where bf16 would be faster: what is compared here is equal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "metier.methods.tuning.workbench.fastest_float", lambda _device: torch.float32
        )
        yield


@pytest.fixture(scope="module", autouse=True)
def exact():
    with all_digits():
        yield


@pytest.fixture(scope="module")
def fitted(base, tmp_path_factory):
    """A whole fit, with the number of its training steps."""
    workdir = tmp_path_factory.mktemp("whole")
    candidate, steps = fit_counted(base, workdir)
    return candidate, workdir, steps


def fit_counted(base, workdir):
    reports = []
    candidate = Lora().fit(
        "lora",
        context(base, workdir, settings(), progress=lambda *report: reports.append(report)),
    )
    return candidate, sum("learning rate" in what for _, _, what in reports)


def without_times(trials):
    timing = ("seconds", "tokens_per_second")
    return [{k: v for k, v in trial.items() if k not in timing} for trial in trials]


def adapter_tensors(workdir):
    from safetensors.numpy import load_file

    return load_file(workdir / "adapter" / "adapter_model.safetensors")


def test_split_decoder_gives_what_the_reference_engine_gives(base):
    from metier.methods.tuning.layers import Activations, SplitDecoder
    from metier.methods.tuning.training import answer_log_likelihoods
    from metier.methods.tuning.workbench import load_base
    from metier.models.chat import ChatTokenizer
    from metier.models.engines.scoring import Item
    from metier.models.limits.labels import label_tree

    asked = [conversation(TASK, row.input) for row in rows(5, seed=4)]
    chat = ChatTokenizer(base)
    tree = label_tree([chat.answer(label) for label in TASK.labels])
    items = [Item(chat.prompt(turns), tree) for turns in asked]
    model = load_base(base)
    found = answer_log_likelihoods(Activations(SplitDecoder(model, 2), items, width=32))
    reference = (
        LocalModels("transformers").language_model(str(base)).score_labels(asked, TASK.labels)
    )
    assert np.allclose(found, [scores.log_likelihoods for scores in reference], atol=1e-4)


def test_a_beginning_that_rows_share_is_computed_once_and_changes_nothing(base):
    from metier.methods.tuning import layers
    from metier.methods.tuning.training import Tuning, add_adapter
    from metier.methods.tuning.workbench import load_base
    from metier.models.engines.scoring import Item
    from metier.models.limits.labels import label_tree

    one, several = label_tree([[7, 8, 2]]), label_tree([[7, 2], [7, 9, 2], [5, 2]])
    shared = [3 + place % 40 for place in range(30)]
    items = [Item([*shared, 50 + n, *range(n)], tree) for n, tree in ((4, one), (9, several))]
    model = load_base(base)
    decoder = layers.SplitDecoder(model, 1)
    batch = decoder.lay_out(items)
    assert batch.shared == 30
    decoder.check(batch)
    adapted = add_adapter(model, Tuning(4, 8, 0.0, ("q_proj", "v_proj"), 1, 1, 1, 1e-3, 0, 0, 0))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)

    def pulls(laid_out):
        adapted.zero_grad()
        steps = decoder.above(laid_out, decoder.below(laid_out))
        steps.sum().backward()
        gradients = [one.grad for one in adapted.parameters() if one.grad is not None]
        return [steps.detach(), *gradients]

    apart = replace(batch, shared=0)
    for once, each in zip(pulls(batch), pulls(apart), strict=True):
        assert torch.allclose(once, each, atol=1e-4)


@pytest.mark.models
def test_rounding_of_bf16_is_not_taken_for_a_decoder_that_cannot_be_cut():
    from metier.methods.tuning.layers import SplitDecoder
    from metier.methods.tuning.workbench import load_base
    from metier.models.chat import ChatTokenizer
    from metier.models.engines.scoring import Item
    from metier.models.limits.labels import label_tree
    from metier.models.names.resolve import resolve

    directory = resolve("smollm2-135m-instruct")
    chat, answer = ChatTokenizer(directory), label_tree([[1, 2]])
    texts = [
        "The antidote for heparin is",
        "Which city is the capital of France?",
        "How many days are there in a leap year?",
        "The largest planet is",
    ]
    items = [Item(chat.prompt(conversation(TASK, text)), answer) for text in texts]
    decoder = SplitDecoder(load_base(directory).to(torch.bfloat16), 6)
    for pair in pairwise(items):
        decoder.check(decoder.lay_out(pair))


def test_a_decoder_that_scales_what_enters_it_is_refused():
    from transformers import GraniteConfig, GraniteForCausalLM

    from metier.methods.tuning.layers import SplitDecoder
    from metier.models.engines.scoring import Item
    from metier.models.limits.labels import label_tree

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.2}
    torch.manual_seed(0)
    config = GraniteConfig(vocab_size=60, **sizes, **heads, embedding_multiplier=4.0)
    decoder = SplitDecoder(GraniteForCausalLM(config).eval(), 1)
    items = [Item([5, 6, 7 + n], label_tree([[8, 2]])) for n in range(2)]
    with pytest.raises(ModelFileError, match="in two parts"):
        decoder.check(decoder.lay_out(items))


def test_own_answers_hold_the_model_where_it_is(base):
    from metier.methods.tuning.layers import Activations, SplitDecoder
    from metier.methods.tuning.training import Tuning, add_adapter
    from metier.methods.tuning.workbench import load_base
    from metier.models.chat import ChatTokenizer
    from metier.models.engines.scoring import Item
    from metier.models.limits.labels import label_tree

    chat = ChatTokenizer(base)
    items = [
        Item(chat.prompt(conversation(TASK, row.input)), label_tree([chat.answer(row.target)]))
        for row in rows(4, seed=4)
    ]
    model = load_base(base)
    learnt = Activations(SplitDecoder(model, 2), items, width=32, own=2)
    tuning = Tuning(4, 8, 0.0, ("q_proj", "v_proj"), 2, 1, 1, 1e-3, 0.0, 0.0, 0)
    adapted = add_adapter(model, tuning)

    def pull(places):
        adapted.zero_grad()
        learnt.loss(places).backward()
        gradients = [one.grad for one in adapted.parameters() if one.grad is not None]
        return max(float(gradient.abs().max()) for gradient in gradients)

    assert pull([2, 3]) < 1e-4 * pull([0, 1])
    assert pull([1, 2]) > 0.1 * pull([0, 1])


def test_targets_that_no_layer_has_are_named_with_those_it_has(base):
    from metier.methods.tuning.training import Tuning, add_adapter
    from metier.methods.tuning.workbench import load_base

    model = load_base(base)
    tuning = Tuning(4, 8, 0.0, ("query_key_value",), 2, 1, 1, 1e-3, 0.0, 0.0, 0)
    with pytest.raises(DataError, match=r"query_key_value; set `targets` to some of .*q_proj"):
        add_adapter(model, tuning)


def test_fit_learns_and_is_served_as_it_was_judged(fitted):
    candidate, workdir, _ = fitted
    dev = rows(24, seed=2)
    chosen = candidate.trials[0]["chosen"]
    assert chosen["accuracy"] > 0.6
    answerer = Lora().load(candidate, workdir, LocalModels("transformers"))
    answers = answerer.answer([(Message("user", row.input),) for row in dev])
    right = [answer.text == row.target for answer, row in zip(answers, dev, strict=True)]
    assert np.mean(right) == pytest.approx(chosen["accuracy"])
    logs = [np.log(a.probabilities[row.target]) for a, row in zip(answers, dev, strict=True)]
    assert np.mean(logs) == pytest.approx(chosen["log_likelihood"], abs=1e-3)


def test_trials_are_recorded_best_first_with_every_epoch(fitted):
    candidate, _, _ = fitted
    assert sorted(trial["learning_rate"] for trial in candidate.trials) == [0.003, 0.01]
    best = [trial["chosen"]["log_likelihood"] for trial in candidate.trials]
    assert best == sorted(best, reverse=True)
    for trial in candidate.trials:
        epochs = [score["log_likelihood"] for score in trial["epochs"]]
        assert len(epochs) == 5
        assert trial["chosen"]["log_likelihood"] == max(epochs)


def test_adapter_touches_only_the_upper_layers(fitted):
    _, workdir, _ = fitted
    layers = {name.split(".layers.")[1].split(".")[0] for name in adapter_tensors(workdir)}
    assert layers == {"2", "3"}


def test_workdir_ends_with_the_candidate_alone(fitted):
    candidate, workdir, _ = fitted
    assert {path.name for path in workdir.iterdir()} == {"adapter", "candidate.json"}
    assert all((workdir / name).is_file() for name in candidate.files)


def test_kill_in_the_second_trial_costs_no_finished_epoch_and_changes_nothing(
    base, fitted, tmp_path
):
    whole, whole_workdir, all_steps = fitted
    steps = all_steps // 2  # of one trial
    killed_at = steps + steps // 5 + 2  # in the second epoch of the second trial
    run = subprocess.run(
        [sys.executable, "-m", "tests.methods.lora_killed", base, tmp_path, str(killed_at)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert run.stdout == ""
    (first,) = tmp_path.glob("trials-*/*/trial.json")
    spent = json.loads(first.read_text())["seconds"]
    (noted,) = tmp_path.glob("trials-*/*/checkpoint-*/seconds.txt")
    noted.write_text("1000.0")  # as if the machine had been slow
    again, left = fit_counted(base, tmp_path)
    assert left == 4 * steps // 5
    assert again.train_seconds > spent + 1000
    assert max(trial["seconds"] for trial in again.trials) > 1000
    assert without_times(again.trials) == without_times(whole.trials)
    expected = adapter_tensors(whole_workdir)
    found = adapter_tensors(tmp_path)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_free_answers_are_written(base, tmp_path):
    task = Task("short_answer", "", max_answer_tokens=4)
    train = [Example(str(n), text, "ab") for n, text in enumerate(["x", "yy", "zzz"] * 8)]
    chosen = settings(layers=0, epochs=6, learning_rate=0.05, dropout=0.0)
    candidate = Lora().fit(
        "lora", context(base, tmp_path, chosen, task=task, train=train, dev=train[:3])
    )
    assert candidate.trials[0]["chosen"]["accuracy"] is None
    answerer = Lora().load(candidate, tmp_path, LocalModels("transformers"))
    assert [a.text for a in answerer.answer([(Message("user", "yy"),)])] == ["ab"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train": []}, "no training row"),
        ({"train": [Example("7", "x", "green")]}, "green"),
        ({"chosen": settings(learning_rate=[])}, "learning_rate"),
    ],
)
def test_what_cannot_be_trained_on_is_named(base, tmp_path, changes, named):
    given = {"chosen": settings(), **changes}
    with pytest.raises(DataError, match=named):
        Lora().fit("lora", context(base, tmp_path, given.pop("chosen"), **given))


def test_unfinished_checkpoint_is_not_trusted(tmp_path):
    from metier.methods.tuning.checkpoints import whole_checkpoint

    for step, state in ((3, json.dumps({})), (6, '{"epo')):
        directory = tmp_path / f"checkpoint-{step}"
        directory.mkdir()
        (directory / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-9").mkdir()
    assert whole_checkpoint(tmp_path) == tmp_path / "checkpoint-3"


@given(
    lengths=st.lists(st.integers(1, 500), min_size=1, max_size=200),
    batch_size=st.integers(1, 16),
    seed=st.integers(0, 5),
)
def test_sampler_gives_every_row_once_each_epoch(lengths, batch_size, seed):
    from metier.methods.tuning.training import _LengthSampler

    sampler = _LengthSampler(lengths, batch_size, seed)
    sampler.set_epoch(2)
    first = list(sampler)
    assert Counter(first) == Counter(range(len(lengths)))
    assert list(sampler) == first


@given(st.integers(0, 1000), st.floats(0.5, 5.0))
def test_temperature_undoes_a_scale(seed, scale):
    from metier.methods.tuning.training import fit_temperature

    generator = np.random.default_rng(seed)
    logs = generator.normal(size=(60, 4))
    truth = generator.integers(0, 4, 60)
    plain = fit_temperature(logs, truth)
    scaled = fit_temperature(logs * scale, truth)
    if 0.3 < plain[0] < 3.5:  # else a bound is in the way
        assert scaled[0] == pytest.approx(plain[0] * scale, rel=0.01)
        assert scaled[1] == pytest.approx(plain[1], abs=1e-5)
