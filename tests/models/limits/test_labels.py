"""The tree of answers holds each distinct beginning once, and every step of every answer."""

from hypothesis import given
from hypothesis import strategies as st

from metier.models.limits.labels import label_tree

SEQUENCES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8)


@given(SEQUENCES)
def test_steps_spell_the_sequences(sequences):
    tree = label_tree(sequences)
    assert [[token for _, token in steps] for steps in tree.steps] == sequences
    above = tree.ancestors()
    for sequence, steps in zip(sequences, tree.steps, strict=True):
        for place, (node, _) in enumerate(steps):
            path = above[node - 1] if node else []
            assert [tree.tokens[one - 1] for one in path] == sequence[:place]


@given(SEQUENCES)
def test_nodes_are_the_distinct_beginnings(sequences):
    tree = label_tree(sequences)
    beginnings = {tuple(one[:end]) for one in sequences for end in range(1, len(one))}
    assert len(tree.tokens) == len(beginnings)
    assert tree.depths == tuple(len(above) for above in tree.ancestors())
