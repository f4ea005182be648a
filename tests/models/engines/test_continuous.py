"""Answers that join and leave a running batch are those that a batch of their own gives."""

import shutil

import pytest
from safetensors.numpy import load_file, save_file

from metier.models.engines.blocks import BLOCK, Blocks
from metier.models.engines.continuous import Continuous, Job
from metier.models.engines.decoding import usage
from metier.models.engines.opening import Opener, PromptTooLongError
from metier.models.engines.paged import PagedEngine, Slice
from metier.types import GenerateConfig, Message

NAME = "smollm2-135m-instruct"
ASKED = [
    (Message("user", "What is the capital of France?"),),
    (Message("user", "Write one sentence about a dog in the sea, and one about a cat on land."),),
    (Message("user", "Name three colours."),),
]


@pytest.fixture(scope="module")
def paged(directory):
    return PagedEngine(directory, tokens=4096)


@pytest.fixture(scope="module")
def opener(directory, paged):
    return Opener(directory, name=NAME, window=paged.window)


@pytest.fixture(scope="module")
def engine(paged, opener):
    return Continuous(paged, opener.chat)


def ended(engine, *jobs):
    for job in jobs:
        engine.add(job)
    while engine.jobs:
        engine.step()
    return [engine.text(job) for job in jobs]


@pytest.fixture(scope="module")
def job(opener):
    def opened(asked, **options):
        tokens = options.pop("tokens", 12)
        config = GenerateConfig(max_new_tokens=tokens, **options.pop("config", {}))
        return Job(opener.row(asked, config), **options)

    return opened


@pytest.mark.models
def test_jobs_that_come_later_get_and_change_nothing(engine, job, openvino):
    alone = openvino.generate(ASKED, GenerateConfig(12))
    first, second, third = (job(asked) for asked in ASKED)
    engine.add(first)
    engine.step()
    engine.add(second)
    engine.step()
    ended(engine, third)
    assert [engine.text(one) for one in (first, second, third)] == [one.text for one in alone]
    assert usage(first.row).completion_tokens == alone[0].usage.completion_tokens


@pytest.mark.models
def test_an_answer_is_the_same_to_the_last_bit_whatever_else_is_asked(engine, job):
    def asked(word, **options):
        text = f"Summarise. {f'The {word} is deep and the land is wide. ' * 60}"
        return job((Message("user", text),), space=word, top_scores=1, **options)

    (alone := asked("sea")).space = "alone"
    ended(engine, alone)
    beside, others = asked("sea"), [asked(word, tokens=20) for word in ("lake", "river", "bay")]
    for one in (others[0], beside, *others[1:]):
        engine.add(one)
        for _ in range(3):
            engine.step()
    ended(engine)
    assert [score.logprob for score in beside.scores] == [score.logprob for score in alone.scores]


@pytest.mark.models
def test_an_adapter_changes_its_own_answers_alone(
    engine, job, paged, adapter, openvino, tuned_openvino
):
    paged.register(adapter, base_name=NAME)
    base, tuned = job(ASKED[0]), job(ASKED[0], adapter=adapter)
    texts = ended(engine, base, tuned)
    assert texts[0] == openvino.generate(ASKED[:1], GenerateConfig(12))[0].text
    assert texts[1] == tuned_openvino.generate(ASKED[:1], GenerateConfig(12))[0].text
    assert texts[0] != texts[1]


@pytest.fixture
def gated(adapter, tmp_path):
    """The adapter with its changes turned about for the layers before the gate, which OpenVINO
    computes as one with what follows where nothing is added to them."""
    folder = shutil.copytree(adapter, tmp_path / "gated")
    weights = load_file(folder / "adapter_model.safetensors")
    turned = {
        name.replace("down_proj", layer).replace(f"lora_{part}", f"lora_{other}"): weight.T.copy()
        for name, weight in weights.items()
        for layer in ("gate_proj", "up_proj")
        for part, other in ("AB", "BA")
        if f"down_proj.lora_{part}" in name
    }
    save_file(weights | turned, folder / "adapter_model.safetensors")
    return folder


@pytest.mark.models
def test_answers_are_the_same_to_the_last_bit_alone_and_beside_adapters(engine, job, paged, gated):
    paged.register(gated, base_name=NAME)

    def scores(*adapters):
        paged.reset()
        jobs = [
            job(asked, tokens=8, adapter=own, top_scores=1)
            for asked, own in zip(ASKED, adapters, strict=False)
        ]
        ended(engine, *jobs)
        return [[(score.token, score.logprob) for score in one.scores] for one in jobs]

    base, tuned = scores(None)[0], scores(gated)[0]
    assert scores(None, gated, gated)[0] == scores(None, None, gated)[0] == base
    assert scores(gated, None, None)[0] == scores(gated, gated, None)[0] == tuned
    assert base != tuned


@pytest.mark.models
def test_a_beginning_is_read_once_for_each_space(engine, job):
    long = (Message("user", "Summarise. " + "The sea is deep and the land is wide. " * 30),)
    first, again, other = job(long, tokens=4), job(long, tokens=4), job(long, tokens=4, space="b")
    texts = [ended(engine, one)[0] for one in (first, again, other)]
    assert texts[0] == texts[1] == texts[2]
    assert first.row.cached == other.row.cached == 0
    assert again.row.cached == (len(again.row.prompt) - 2) // BLOCK * BLOCK > 200


@pytest.mark.models
def test_drafts_that_come_together_read_their_prompt_once(engine, job):
    asked = (Message("user", "Explain. " + "A tall tree stands in the wind. " * 20),)
    drafts = [job(asked, tokens=3, config={"temperature": 0.9, "seed": k}) for k in range(4)]
    stranger = job(ASKED[2], tokens=3)
    ended(engine, *drafts, stranger)
    length = len(drafts[0].row.prompt)
    assert [draft.row.cached for draft in drafts] == [0, *[(length - 2) // BLOCK * BLOCK] * 3]
    assert len(stranger.row.tokens) == 3


@pytest.mark.models
def test_cancelled_jobs_leave_and_give_their_blocks_back(engine, job, paged):
    free = paged.blocks.available
    stopped = job(ASKED[1], tokens=1000, cancelled=lambda: len(stopped.row.tokens) >= 3)
    ended(engine, stopped)
    assert len(stopped.row.tokens) == 3
    assert paged.blocks.available == free


@pytest.mark.models
def test_log_probabilities_and_bound_answers_go_side_by_side(engine, job):
    scored = job(ASKED[0], tokens=3, top_scores=2)
    bound = job(ASKED[2], tokens=30, config={"choices": ("red or blue", "red or green")})
    texts = ended(engine, scored, bound)
    assert texts[1] in ("red or blue", "red or green")
    assert "".join(score.token for score in scored.scores) == texts[0]
    for score in scored.scores:
        assert score.top[0] == (score.token, pytest.approx(score.logprob))
        assert score.top[0][1] >= score.top[1][1]


@pytest.mark.models
def test_a_prompt_beyond_the_window_is_refused(job):
    with pytest.raises(PromptTooLongError, match="reads 4,095 at most"):
        job((Message("user", "word " * 5000),))


def test_blocks_are_shared_forgotten_and_never_lost():
    blocks = Blocks(4)
    tokens = list(range(2 * BLOCK + 5))
    taken = blocks.take(3)
    assert blocks.take(2) is None
    blocks.remember("a", tokens, taken)
    blocks.release(taken)
    assert blocks.available == 4
    shared = blocks.reuse("a", tokens)
    assert shared == taken[:2]
    assert blocks.reuse("b", tokens) == [] == blocks.reuse("a", tokens[:BLOCK])
    assert len(blocks.take(2)) == 2
    assert blocks.take(1) is None
    blocks.release(shared)
    assert len(blocks.take(1)) == 1  # the end goes first
    assert blocks.reuse("a", tokens) == taken[:1]


@pytest.mark.models
def test_an_adapter_that_gave_its_place_away_comes_back_the_same(directory, adapter, tmp_path):
    engine = PagedEngine(directory, tokens=64, adapters_at_once=2)
    adapters = [tmp_path / name for name in "abc"]
    for strength, folder in enumerate(adapters, start=1):
        shutil.copytree(adapter, folder)
        weights = load_file(folder / "adapter_model.safetensors")
        scaled = {name: weight * strength for name, weight in weights.items()}
        save_file(scaled, folder / "adapter_model.safetensors")

    def logits(which):
        return engine.forward([Slice([5, 6, 7], 0, [0], which)]).clone()

    engine.register(adapters[0], base_name=NAME)
    engine.register(adapters[1], base_name=NAME)
    first = [logits(one) for one in adapters[:2]]
    graph = engine._adapted
    engine.register(adapters[2], base_name=NAME)  # at run time, of a known shape
    assert engine._adapted is graph
    third = logits(adapters[2])
    assert len(engine._bank._loaded) == 2  # the first one's place is taken
    again = [logits(one) for one in adapters]
    for before, after in zip([*first, third], again, strict=True):
        assert (before == after).all()
    assert not any((again[0] == other).all() for other in again[1:])
