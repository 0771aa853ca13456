"""Models come back as they were, and write: until the end or the end of a document."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn.cells import CELLS
from rnn.errors import ReportError
from rnn.model import Architecture, initialise, loss_and_gradients
from rnn.runs.models import Model, load_model, probabilities, save_model, write

VOCABULARY = " .abcdé"


def a_model(dtype: str = "float32") -> Model:
    architecture = Architecture(CELLS["vanilla"], 9, len(VOCABULARY))
    theta = initialise(architecture, 0.8, np.random.default_rng(3), dtype)
    h = np.linspace(-1, 1, 9, dtype=dtype)
    return Model(architecture.parameters(theta), h, 2, VOCABULARY, 7, 1.5, "0a" * 32)


@pytest.fixture
def model() -> Model:
    return a_model()


def assert_same(one: Model, other: Model) -> None:
    """Assert that two models are the same to the last bit."""
    for name in one.parameters._fields:
        np.testing.assert_array_equal(
            getattr(one.parameters, name), getattr(other.parameters, name)
        )
    np.testing.assert_array_equal(one.h, other.h)
    for name in ("x", "vocabulary", "update", "smooth_loss", "book"):
        assert getattr(one, name) == getattr(other, name)


# -- On disk


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_as_it_was(tmp_path: Path, dtype: str) -> None:
    saved = a_model(dtype)
    for name in ("one.npz", "two.npz"):
        save_model(tmp_path / name, saved)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    loaded = load_model(tmp_path / "one.npz")
    assert_same(saved, loaded)
    assert all(part.dtype == dtype and part.flags.c_contiguous for part in loaded.parameters)


def test_anyone_can_read_a_model_with_numpy_alone(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / "model.npz", model)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert list(arrays) == "W b V c U h x vocabulary update smooth_loss book".split()
        np.testing.assert_array_equal(arrays["W"], model.parameters.W[0])
        assert int(arrays["update"]) == model.update


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no matrix": lambda a: a.pop("W"),
    "no m": lambda a: a.pop("b"),
    "another m": lambda a: a.update(W=np.zeros((7, 7), np.float32)),
    "whole numbers": lambda a: a.update({n: a[n].astype(int) for n in "WUVbch"}),
    "half numbers": lambda a: a.update({n: a[n].astype(np.float16) for n in "WUVbch"}),
    "NaN": lambda a: a.update(W=a["W"] * np.nan),
    "an infinite state": lambda a: a.update(h=a["h"] + np.inf),
    "unsorted": lambda a: a.update(vocabulary=a["vocabulary"][::-1].copy()),
    "a character twice": lambda a: a["vocabulary"].__setitem__(1, a["vocabulary"][0]),
    "not Unicode": lambda a: a["vocabulary"].__setitem__(-1, 0xFFFFFFFF),
    "another K": lambda a: a.update(vocabulary=a["vocabulary"][:-1]),
    "a character outside": lambda a: a.update(x=np.int64(len(a["vocabulary"]))),
    "a negative character": lambda a: a.update(x=np.int64(-1)),
    "nothing": lambda a: a.update(
        {n: np.zeros((0,) * np.ndim(a[n])) for n in "WUVbch"}, vocabulary=np.zeros(0, "<u4")
    ),
}


@pytest.mark.parametrize("change", [None, *CHANGES.values()], ids=["none", *CHANGES])
def test_arrays_that_are_not_a_model_are_refused(
    tmp_path: Path, model: Model, change: Callable[[dict[str, Any]], Any] | None
) -> None:
    path = tmp_path / "model.npz"
    save_model(path, model)
    with np.load(path) as found:
        arrays = dict(found)
    if change is None:
        np.savez(path, **arrays)
        assert_same(load_model(path), model)
        return
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ReportError, match=r"^model\.npz: expected [^\n]*$"):
        load_model(path)


def test_no_damage_to_a_model_goes_unnoticed(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "model.npz"
    save_model(path, model)
    whole, rng = path.read_bytes(), random.Random(0)
    refused = 0
    for trial in range(400):
        damaged = bytearray(whole)
        if trial % 2:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(whole)) :]
        path.write_bytes(damaged)
        try:
            loaded = load_model(path)
        except ReportError as error:
            assert "\n" not in str(error)
            refused += 1
        else:  # a byte that nobody reads, such as a date
            assert_same(loaded, model)
    assert refused > 280


def test_a_missing_model_says_what_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"^expected a trained model in .*; run 02_training_ev"):
        load_model(tmp_path / "best_model.npz")


# -- Writing


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
    for character, chances in zip(text, probabilities(model, text, "abc"), strict=True):
        x = np.array([[VOCABULARY.index(c)] for c in read], np.uint8)
        following = [np.append(x[1:], [[k]], axis=0).astype(np.uint8) for k in range(7)]
        h = model.h[np.newaxis]
        losses = [loss_and_gradients(model.parameters, x, y, h).loss for y in following]
        assert character == VOCABULARY[int(np.argmin(losses))]
        assert character == VOCABULARY[int(np.argmax(chances))]
        read += character


def test_text_stops_with_the_end_of_a_document(model: Model) -> None:
    whole = write(model, 400)
    assert "." in whole
    assert write(model, 400, end=".") == whole[: whole.index(".") + 1]


def test_unknown_characters_are_refused_in_one_line(model: Model) -> None:
    for given in ({"prime": "ax"}, {"end": "x"}):
        with pytest.raises(ReportError, match=r"^(prime|end): .*trained on, got 'x'") as caught:
            write(model, 5, **given)
        assert "\n" not in str(caught.value)
