"""A model writes: from where it stood or from a prime, until the end or the end of a document."""

from pathlib import Path

import numpy as np
import pytest

from rnn.errors import ReportError
from rnn.model import initialise, segment_loss
from rnn.runs.models import Model, load_model, save_model
from rnn.runs.writing import write

VOCABULARY = " .abcdé"


@pytest.fixture
def model() -> Model:
    _, parameters = initialise(9, len(VOCABULARY), 0.8, np.random.default_rng(3), "float32")
    h = np.linspace(-1, 1, 9, dtype=np.float32)
    return Model(parameters, h, 2, VOCABULARY, 7, 1.5, "00" * 32)


def test_same_seed_gives_the_same_text_and_another_another(model: Model) -> None:
    assert write(model, 50, seed=1) == write(model, 50, seed=1) != write(model, 50, seed=2)
    assert len(write(model, 50)) == 50 and set(write(model, 500)) <= set(VOCABULARY)


def test_a_model_that_was_saved_writes_the_same(model: Model, tmp_path: Path) -> None:
    save_model(tmp_path / "model.npz", model)
    assert write(load_model(tmp_path / "model.npz"), 200) == write(model, 200)


def test_a_longer_text_begins_with_the_shorter(model: Model) -> None:
    assert write(model, 80).startswith(write(model, 30))


def test_without_temperature_the_likeliest_character_follows_every_time(model: Model) -> None:
    text = write(model, 3, temperature=0, prime="abc")
    read = "abc"
    for character in text:
        ids = np.array([VOCABULARY.index(c) for c in read], np.uint8)
        losses = [
            segment_loss(model.parameters, ids, np.append(ids[1:], k).astype(np.uint8), model.h)
            for k in range(len(VOCABULARY))
        ]
        assert character == VOCABULARY[int(np.argmin(losses))]
        read += character


def test_text_stops_with_the_end_of_a_document(model: Model) -> None:
    whole = write(model, 400)
    assert "." in whole
    assert write(model, 400, end=".") == whole[: whole.index(".") + 1]


def test_unknown_characters_are_refused_in_one_line(model: Model) -> None:
    for given in ({"prime": "xa"}, {"end": "x"}):
        with pytest.raises(ReportError, match="expected characters of the text") as caught:
            write(model, 5, **given)
        assert "'x'" in str(caught.value) and "\n" not in str(caught.value)
