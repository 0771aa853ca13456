"""The loss over a whole text, against a plain loop over its characters."""

import math
from typing import Any

import numpy as np
import pytest
import reference

from rnn.cell import views
from rnn.errors import ReportError
from rnn.evaluation import text_loss
from rnn.model import initialise
from rnn.vanilla import Vanilla

K, m = 6, 8


def network() -> tuple[np.ndarray, Any]:
    return initialise(m, K, 1.0, np.random.default_rng(3), "float64")


def text(n: int) -> np.ndarray:
    ids = np.random.default_rng(4).integers(0, K, n).astype(np.uint8)
    ids.flags.writeable = False  # as those of a book
    return ids


@pytest.mark.parametrize("n", [2, 3, 25, 26, 100, 101, 102, 250])
def test_loss_of_a_text_is_that_of_one_long_segment_from_a_zero_state(n: int) -> None:
    theta, parameters = network()
    ids = text(n)
    loss, _, _ = reference.segment(reference.named(theta, m, K), ids[:-1], ids[1:], np.zeros(m))
    assert text_loss(parameters, ids) == pytest.approx(loss / (n - 1), rel=1e-12)


def test_loss_of_a_text_may_begin_with_any_state() -> None:
    theta, parameters = network()
    ids, h0 = text(250), np.linspace(-0.9, 0.9, m)
    loss, _, _ = reference.segment(reference.named(theta, m, K), ids[:-1], ids[1:], h0)
    assert text_loss(parameters, ids, h0=h0) == pytest.approx(loss / 249, rel=1e-12)
    assert text_loss(parameters, ids, h0=h0) != pytest.approx(text_loss(parameters, ids))


def test_state_is_zero_before_every_document() -> None:
    theta, parameters = network()
    ids = text(250)
    marks = np.random.default_rng(5).random(250) < 0.1
    p = reference.named(theta, m, K)
    fresh = marks[:-1].tolist()
    loss, _, _ = reference.segment(p, ids[:-1], ids[1:], np.zeros(m), fresh)
    assert text_loss(parameters, ids, marks) == pytest.approx(loss / 249, rel=1e-12)
    assert text_loss(parameters, ids, marks) != pytest.approx(text_loss(parameters, ids))


def test_a_network_that_knows_nothing_has_a_loss_of_ln_K() -> None:
    nothing = views(Vanilla, np.zeros(m * m + m + 2 * K * m + K), m, K)
    assert text_loss(nothing, text(250)) == pytest.approx(math.log(K), rel=1e-12)


@pytest.mark.parametrize("ids", [[], [1], [1, 2, K]])
def test_what_is_no_text_of_the_model_is_refused(ids: list[int]) -> None:
    with pytest.raises(ReportError, match=r"^text: expected at least two characters of 6 known"):
        text_loss(network()[1], np.array(ids, np.uint8))
