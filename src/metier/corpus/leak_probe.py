"""Whether a label could be read off the text that cleaning took out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from metier.errors import DataError
from metier.stats import proportion
from metier.types import CleanDocument, Estimate, LeakProbe

_FOLDS = 5
_WORD = r"[\w@.-]{2,}"


def probe(documents: Iterable[CleanDocument], label_key: str, *, seed: int = 0) -> LeakProbe:
    """Cross-validated accuracy of a bag of words on each step's removed text alone.

    All documents count, those too from which a step took nothing; only labels too rare for every
    fold to have one are left out. An accuracy well above ``chance`` means that a model which sees
    the uncleaned text can be right for the wrong reason.
    Words are kept whole with ``@`` and dots, since addresses are what usually gives labels away.
    """
    removed: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for document in documents:
        label = document.metadata.get(label_key)
        if label is not None and str(label).strip():
            removed[str(label)].append(document.removed)
    kept = {label: found for label, found in removed.items() if len(found) >= _FOLDS}
    if len(kept) < 2:
        counts = {label: len(found) for label, found in list(removed.items())[:10]}
        raise DataError(
            f'the leak probe needs two or more values of "{label_key}" with at least {_FOLDS} '
            f"documents each; found {counts}; add documents, or leave out the cleaning steps"
        )
    return _probe(kept, seed)


def _probe(removed: Mapping[str, Sequence[Mapping[str, str]]], seed: int) -> LeakProbe:
    labels = [label for label, found in removed.items() for _ in found]
    texts = [taken for found in removed.values() for taken in found]
    steps = sorted({step for taken in texts for step in taken})
    accuracies = {
        step: _accuracy([taken.get(step, "") for taken in texts], labels, seed) for step in steps
    }
    return LeakProbe(accuracies, chance=max(map(len, removed.values())) / len(labels))


def _accuracy(texts: list[str], labels: list[str], seed: int) -> Estimate:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    # A word stands for texts from which no word was taken, so that no fold is without words.
    texts = [text if re.search(_WORD, text) else "nothing_taken" for text in texts]
    words = TfidfVectorizer(sublinear_tf=True, token_pattern=_WORD, max_features=50_000)
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=200))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    predicted = cross_val_predict(model, texts, labels, cv=folds)
    right = sum(a == b for a, b in zip(predicted, labels, strict=True))
    return proportion(right, len(labels))
