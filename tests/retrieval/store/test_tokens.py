"""Token vectors as bits, and the score that they give."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from metier.retrieval.store.tokens import late_interaction, packed


def unit(shape, seed):
    vectors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(some.integers(1, 30), some.sampled_from([8, 20, 64]), some.integers(0, 9))
def test_a_token_takes_one_bit_a_dimension(count, dimensions, seed):
    assert len(packed(unit((count, dimensions), seed))) == count * -(-dimensions // 8)


@given(some.integers(0, 20))
def test_a_passage_s_score_depends_on_no_other_passage(seed):
    passages = [packed(unit((3 + place, 64), seed + place)) for place in range(5)] + [b""]
    question = unit((4, 64), seed + 99)
    together = late_interaction(question, passages)
    alone = [late_interaction(question, [one])[0] for one in passages]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    assert together[-1] == 0


def test_bits_rank_as_floats_do():
    question = unit((6, 384), 0)
    noise = [unit((6, 384), 1 + place) for place in range(9)]
    shares = np.linspace(0, 1, 9)
    passages = [
        share * question + (1 - share) * one for share, one in zip(shares, noise, strict=True)
    ]
    scores = late_interaction(question, [packed(one) for one in passages])
    assert list(np.argsort(scores)) == list(range(9))


def test_nothing_asked_or_stored_scores_nothing():
    assert list(late_interaction(np.zeros((0, 16), np.float32), [packed(unit((2, 16), 0))])) == [0]
    assert list(late_interaction(unit((2, 16), 0), [])) == []
