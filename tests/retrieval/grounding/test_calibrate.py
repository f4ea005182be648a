"""Confidence that means what it says, and leaves the choice of citations alone."""

import numpy as np
import pytest

from metier.errors import DataError
from metier.retrieval.grounding.calibrate import fit_calibration
from metier.retrieval.grounding.ground import ground
from metier.stats import calibration_error
from metier.types import GroundSettings, Hit
from tests.retrieval.stores import passage

HITS = [
    Hit(passage("a", "The moon of Orrin is Tavel, which is made of ice.").chunk, 2.0),
    Hit(passage("b", "The king of Belmar is called Ostrin.").chunk, 1.0),
]


def test_timid_confidences_become_honest():
    generator = np.random.default_rng(0)
    truth = generator.random(4000)
    odds = np.log(truth / (1 - truth))
    timid = 1 / (1 + np.exp(-(0.5 * odds - 1)))
    right = generator.random(4000) < truth
    fitted = fit_calibration(timid.tolist(), right.tolist())
    assert fitted.slope == pytest.approx(2, abs=0.2)
    assert fitted.shift == pytest.approx(2, abs=0.2)
    assert calibration_error(timid, right, seed=0).value > 0.1


def test_what_is_cited_stays_and_only_the_shown_number_moves():
    calibration = fit_calibration([0.2, 0.3, 0.6, 0.1] * 10, [True, True, True, False] * 10)
    plain = ground("", "Tavel is made of ice.", hits=HITS)
    moved = ground(
        "", "Tavel is made of ice.", hits=HITS, settings=GroundSettings(calibration=calibration)
    )
    one, other = plain.grounding.supports[0], moved.grounding.supports[0]
    assert one.quotes == other.quotes
    assert one.confidence != other.confidence


def test_too_few_claims_or_all_alike_are_refused():
    for confidences, right in (([0.5] * 10, [True] * 5 + [False] * 5), ([0.5] * 40, [True] * 40)):
        with pytest.raises(DataError, match="give at least 30"):
            fit_calibration(confidences, right)


def test_the_likeliest_source_is_cited_of_two_that_say_it():
    text = "The moon of Orrin is Tavel, which is made of ice."
    hits = [
        Hit(passage("other", f"{text} It was seen in 1850.").chunk, 0.1),
        Hit(passage("own", f"{text} Others are of stone.").chunk, 3.0),
        Hit(passage("far", "The king of Belmar is called Ostrin.").chunk, 0.0),
    ]
    support = ground("", text, hits=hits).grounding.supports[0]
    assert [quote.document for quote in support.quotes] == ["own"]
