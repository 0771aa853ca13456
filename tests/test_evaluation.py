"""The loss over a whole text, against a plain loop over its characters."""

import math
from typing import Any

import numpy as np
import pytest
import reference

from rnn.cells import CELLS
from rnn.errors import ReportError
from rnn.evaluation import text_loss, text_losses
from rnn.model import Architecture, initialise

K, m = 6, 8
ONE_DOCUMENT = np.zeros(0, bool)


def network(layers: int = 1) -> tuple[np.ndarray, Any]:
    architecture = Architecture(CELLS["vanilla"], m, K, layers)
    theta = initialise(architecture, 1.0, np.random.default_rng(3))
    return theta, architecture.parameters(theta)


def text(n: int) -> np.ndarray:
    ids = np.random.default_rng(4).integers(0, K, n).astype(np.uint8)
    ids.flags.writeable = False  # as those of a book
    return ids


@pytest.mark.parametrize("n", [2, 3, 25, 26, 100, 101, 102, 250])
def test_loss_of_a_text_is_that_of_one_long_segment_from_a_zero_state(n: int) -> None:
    theta, parameters = network()
    ids, zero = text(n), np.zeros(m)
    loss, _, _ = reference.segment(reference.named(theta, m, K), ids[:-1], ids[1:], zero)
    assert text_loss(parameters, ids, ONE_DOCUMENT, zero) == pytest.approx(
        loss / (n - 1), rel=1e-12
    )


@pytest.mark.parametrize("layers", [1, 2])
def test_loss_of_a_text_may_begin_with_any_state(layers: int) -> None:
    theta, parameters = network(layers)
    ids, h = text(250), np.linspace(-0.9, 0.9, layers * m)
    loss, _, _ = reference.segment(reference.named(theta, m, K, layers), ids[:-1], ids[1:], h)
    found = text_loss(parameters, ids, ONE_DOCUMENT, h)
    assert found == pytest.approx(loss / 249, rel=1e-12)
    assert found != pytest.approx(text_loss(parameters, ids, ONE_DOCUMENT, 0 * h))
    np.testing.assert_array_equal(h, np.linspace(-0.9, 0.9, layers * m))


@pytest.mark.parametrize("layers", [1, 2])
def test_state_is_zero_before_every_document(layers: int) -> None:
    theta, parameters = network(layers)
    ids, zero = text(250), np.zeros(layers * m)
    marks = np.random.default_rng(5).random(250) < 0.1
    p = reference.named(theta, m, K, layers)
    fresh = marks[:-1].tolist()
    loss, _, _ = reference.segment(p, ids[:-1], ids[1:], zero, fresh)
    found = text_loss(parameters, ids, marks, zero)
    assert found == pytest.approx(loss / 249, rel=1e-12)
    assert found != pytest.approx(text_loss(parameters, ids, ONE_DOCUMENT, zero))


def test_models_measured_side_by_side_have_the_losses_they_have_alone() -> None:
    ids, rng = text(250), np.random.default_rng(6)
    architecture = Architecture(CELLS["vanilla"], m, K)
    models = [
        (architecture.parameters(initialise(architecture, 1.0, rng)), rng.uniform(-1, 1, m))
        for _ in range(5)
    ]
    alone = [text_loss(parameters, ids, ONE_DOCUMENT, h) for parameters, h in models]
    assert list(text_losses(models, ids, ONE_DOCUMENT)) == alone
    assert len(set(alone)) == 5


def test_a_network_that_knows_nothing_has_a_loss_of_ln_K() -> None:
    theta, parameters = network()
    theta[:] = 0
    loss = text_loss(parameters, text(250), ONE_DOCUMENT, np.zeros(m))
    assert loss == pytest.approx(math.log(K), rel=1e-12)


@pytest.mark.parametrize(
    ("ids", "got"), [([], "got 0;"), ([1], "got 1;"), ([1, 2, K], "1 to 6"), ([-1, 2], "-1 to 2")]
)
def test_what_is_no_text_of_the_model_is_refused(ids: list[int], got: str) -> None:
    with pytest.raises(ReportError, match=rf"^text: expected .*{got}"):
        text_loss(network()[1], np.array(ids, np.int64), ONE_DOCUMENT, np.zeros(m))
