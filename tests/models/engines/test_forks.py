"""Answers that go on from their prompt's blocks score as one pass over the tree of them does."""

import pytest

from metier.models.engines.blocks import BLOCK
from metier.models.engines.forks import score_forks
from metier.models.engines.opening import PromptTooLongError
from metier.models.engines.paged import PagedEngine
from metier.models.engines.scoring import Item
from metier.models.limits.labels import label_tree
from metier.types import GenerateConfig, Message

pytestmark = pytest.mark.models

ANSWERS = label_tree([[500, 501, 2], [500, 501, 502, 2], [600, 2], [700]])


@pytest.fixture(scope="module")
def paged(directory):
    return PagedEngine(directory, tokens=8 * BLOCK, precision="float32")


def prompt(length, first=0):
    return [1 + (first + place * 37) % 900 for place in range(length)]


@pytest.mark.parametrize("length", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 100])
def test_scores_are_those_of_the_reference_wherever_a_prompt_ends(paged, reference, length):
    item = Item(prompt(length), ANSWERS)
    found = score_forks(paged, [item])[0]
    assert found.logs == pytest.approx(reference._engine.score([item])[0].logs, abs=0.01)


def test_a_prompt_with_several_items_is_read_once(paged, reference):
    asked = [Item(prompt(70, first=5), label_tree([[500, token, 2]])) for token in (3, 4, 5)]
    found = score_forks(paged, asked)
    for item, one in zip(asked, found, strict=True):
        assert one.logs == pytest.approx(reference._engine.score([item])[0].logs, abs=0.01)
    assert [one.cached for one in found] == [0, 70, 70]


def test_more_answers_than_there_is_room_for_are_read_one_after_the_other(paged, reference):
    item = Item(prompt(100), label_tree([[token, 2] for token in range(500, 540)]))
    assert len(item.tree.tokens) * BLOCK > paged.tokens
    found = score_forks(paged, [item])[0]
    assert found.logs == pytest.approx(reference._engine.score([item])[0].logs, abs=0.01)


def test_a_prompt_without_room_is_refused_and_takes_none(paged):
    with pytest.raises(PromptTooLongError, match="no room"):
        score_forks(paged, [Item(prompt(9 * BLOCK), ANSWERS)])
    assert paged.blocks.available == paged.blocks.count


def test_an_answer_that_nobody_reads_on_gives_its_room_back(openvino):
    blocks = openvino._engine._paged.blocks
    free = blocks.available
    stream = openvino.stream((Message("user", "Count to a hundred."),), GenerateConfig(50))
    next(stream)
    assert blocks.available < free
    stream.close()
    assert blocks.available == free


def test_nothing_of_a_call_is_known_to_the_next_which_another_tenant_may_make(openvino):
    asked = (Message("user", "Summarise. " + "The sea is deep and the land is wide. " * 20),)
    together = openvino.generate([asked, asked], GenerateConfig(2))
    assert sorted(done.usage.cached_tokens > 100 for done in together) == [False, True]
    assert openvino.generate([asked], GenerateConfig(2))[0].usage.cached_tokens == 0
    assert openvino.score_labels([asked], ("red", "blue"))[0].usage.cached_tokens == 0
    assert openvino.score_labels([asked], ("red", "blue"))[0].usage.cached_tokens == 0
