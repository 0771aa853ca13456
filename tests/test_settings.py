"""Settings: the course's values, and one clear line for what cannot be."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rnn.cells import CELLS
from rnn.errors import LARGEST, ReportError
from rnn.model import Architecture
from rnn.settings import ETA_SCHEDULES, Schedule, Settings


def refusal(**given: Any) -> str:
    with pytest.raises(ReportError) as caught:
        Settings(**given)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 200
    return message


def test_nothing_given_means_the_classic_assignment() -> None:
    s = Settings()
    assert (s.m, s.seq_length, s.batch_size, s.epochs, s.max_updates) == (100, 25, 1, 7, 0)
    assert (s.optimizer, s.eta, s.sig, s.clip) == ("adagrad", 0.1, 0.01, 5.0)
    assert (s.loss, s.init, s.order, s.held_out) == ("sum", "normal", "sequential", 0.0)


@pytest.mark.parametrize("course", ["2026", 2026])
def test_a_course_sets_what_is_not_given(course: Any) -> None:
    s = Settings(course=course)
    assert (s.optimizer, s.eta, s.loss, s.init, s.clip) == (
        "adam", 0.001, "mean", "scaled", math.inf,
    )  # fmt: skip


def test_what_is_given_overrides_the_course() -> None:
    s = Settings(course="2026", loss="sum", clip=5, eta=0.01)
    assert (s.optimizer, s.eta, s.loss, s.clip) == ("adam", 0.01, "sum", 5.0)


@pytest.mark.parametrize(
    ("optimizer", "eta"), [("adagrad", 0.1), ("rmsprop", 0.001), ("adam", 0.001)]
)
def test_every_optimizer_has_its_usual_eta(optimizer: str, eta: float) -> None:
    assert Settings(optimizer=optimizer).eta == eta


def test_a_clip_of_zero_means_no_clipping() -> None:
    assert Settings(clip=0).clip == Settings(clip=math.inf).clip == math.inf


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"course": "2026"},
        {"clip": 0},
        {"document_end": "\n\n"},
        {"cell": "gru", "dropout": 0.5},
        {"eta_schedule": "step", "eta_decay": 0.5, "held_out": 0.1, "patience": 3},
    ],
)
def test_settings_survive_json(given: dict[str, Any]) -> None:
    s = Settings(**given)
    assert Settings(**json.loads(json.dumps(s.as_dict(), allow_nan=False))) == s


@pytest.mark.parametrize("value", [100, 100.0, np.int32(100), np.float32(100)])
def test_a_whole_number_may_come_in_any_type_of_number(value: Any) -> None:
    m = Settings(m=value).m
    assert m == 100 and type(m) is int


WHOLE = {
    "m": 1, "seq_length": 1, "epochs": 1, "max_updates": 0, "snapshot_every": 1,
    "snapshot_length": 1, "seed": 0, "chunks": 1, "batch_size": 1,
}  # fmt: skip
NO_WHOLE_NUMBERS = [
    math.nan, math.inf, -math.inf, -1, 2.5, "100", "many", True, None, [100], {}, b"1",
    1 + 0j, np.bool_(True), np.ones(2), 10**400, 10**6000, 1e300, LARGEST + 1,
]  # fmt: skip


@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS, ids=lambda value: type(value).__name__)
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    assert refusal(m=value).startswith("m: expected a whole number ")


@pytest.mark.parametrize(("name", "least"), WHOLE.items())
def test_the_least_whole_number_is_taken_and_the_one_below_is_not(name: str, least: int) -> None:
    assert getattr(Settings(**{name: least}), name) == least
    expected = f"{name}: expected a whole number of at least {least}, got {least - 1}"
    assert refusal(**{name: least - 1}) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("eta", value) for value in (math.nan, -math.inf, -0.5, "0.1", True, [], 1j, 10**400)]
    + [("sig", math.nan), ("clip", math.nan), ("held_out", math.nan)],
)
def test_what_is_no_finite_number_is_refused(name: str, value: Any) -> None:
    assert refusal(**{name: value}).startswith(f"{name}: expected a finite number ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"m": "100"}, "m: expected a whole number of at least 1, got '100'"),
        ({"eta": 0}, "eta: expected a finite number above 0, got 0"),
        ({"eta": math.inf}, "eta: expected a finite number above 0, got inf"),
        ({"sig": 0.0}, "sig: expected a finite number above 0, got 0.0"),
        ({"clip": -5}, "clip: expected a finite number of at least 0, got -5"),
        (
            {"held_out": 1.5},
            "held_out: expected a finite number of at least 0 and below 1, got 1.5",
        ),
        (
            {"optimizer": "adamm"},
            "optimizer: expected one of adagrad, rmsprop, adam, got 'adamm'; did you mean adam?",
        ),
        (
            {"optimizer": "Adagrad"},
            "optimizer: expected one of adagrad, rmsprop, adam, got 'Adagrad'; "
            "did you mean adagrad?",
        ),
        ({"optimizer": "xyz"}, "optimizer: expected one of adagrad, rmsprop, adam, got 'xyz'"),
        (
            {"eta_schedule": "cosin"},
            "eta_schedule: expected one of constant, step, cosine, got 'cosin'; "
            "did you mean cosine?",
        ),
        (
            {"eta_decay": 1.5},
            "eta_decay: expected a finite number above 0 and at most 1, got 1.5",
        ),
        ({"patience": -1}, "patience: expected a whole number of at least 0, got -1"),
        (
            {"patience": 2},
            "patience: expected 0 where nothing is held out, got 2; "
            "set held_out, for instance to 0.1",
        ),
        ({"loss": "average"}, "loss: expected one of sum, mean, got 'average'"),
        (
            {"order": "shuffled"},
            "order: expected one of sequential, chunks, random, got 'shuffled'",
        ),
        (
            {"init": "norm"},
            "init: expected one of normal, scaled, got 'norm'; did you mean normal?",
        ),
        (
            {"dtype": "flaot32"},
            "dtype: expected one of float32, float64, got 'flaot32'; did you mean float32?",
        ),
        ({"dtype": np.float32}, None),
        ({"course": 2025}, "course: expected one of classic, 2026, got 2025; did you mean 2026?"),
        ({"course": None}, "course: expected one of classic, 2026, got None"),
        ({"loss": 3}, "loss: expected one of sum, mean, got 3"),
        ({"order": ["random"]}, None),
        ({"order": "random\n" * 50}, None),
        ({"document_end": None}, "document_end: expected a text, got None"),
    ],
)
def test_an_impossible_setting_is_one_clear_line(given: dict[str, Any], message: str) -> None:
    said = refusal(**given)
    assert said.startswith(f"{next(iter(given))}: expected ")
    assert message is None or said == message


def test_the_network_is_what_the_settings_and_the_text_say() -> None:
    architecture = Settings(m=7, layers=3, cell="gru").architecture(5)
    assert (architecture.m, architecture.K, architecture.layers) == (7, 5, 3)
    assert architecture.cell is CELLS["gru"]
    assert Settings(m=7).architecture(5) == Architecture(CELLS["vanilla"], 7, 5, 1)


def test_the_classic_network_is_told_as_version_1_0_told_it() -> None:
    told = Settings().as_dict()
    assert not {"cell", "layers", "dropout", "eta_schedule", "eta_decay", "patience"} & set(told)
    other = Settings(cell="lstm", layers=2, dropout=0.1).as_dict()
    assert (other["cell"], other["layers"], other["dropout"]) == ("lstm", 2, 0.1)
    assert told.items() <= other.items()


@pytest.mark.parametrize(
    ("loss", "unit", "characters"), [("sum", "segment", 9), ("mean", "character", 1)]
)
def test_the_unit_of_the_loss_is_fixed_by_the_settings(
    loss: str, unit: str, characters: int
) -> None:
    s = Settings(loss=loss, seq_length=9)
    assert (s.loss_unit, s.characters_in_loss) == (unit, characters)
    assert s.per_character(18.0) == 18.0 / characters


# ---- The learning rate ----------------------------------------------------------------------


def etas(**given: Any) -> np.ndarray:
    """Return all learning rates of four epochs of 10 updates, or as many as are asked for."""
    schedule = Schedule.of(Settings(seq_length=5, epochs=4, eta=0.3, **given), 51)
    assert schedule.updates_per_epoch == 10
    return schedule.etas(1, schedule.last_update)


def test_a_constant_learning_rate_is_eta_itself() -> None:
    assert etas().tolist() == [0.3] * 40


def test_a_stepwise_learning_rate_is_multiplied_by_its_factor_after_every_epoch() -> None:
    expected = [0.3 * 0.7**epoch for epoch in range(4) for _ in range(10)]
    np.testing.assert_allclose(etas(eta_schedule="step", eta_decay=0.7), expected, 1e-15)
    short = etas(eta_schedule="step", eta_decay=0.7, max_updates=15)
    np.testing.assert_allclose(short, expected[:15], 1e-15)


@pytest.mark.parametrize("updates", [40, 13, 1])
def test_a_cosine_falls_from_eta_to_zero_over_the_whole_training(updates: int) -> None:
    found = etas(eta_schedule="cosine", max_updates=updates)
    expected = [0.15 * (1 + math.cos(math.pi * n / updates)) for n in range(updates)]
    np.testing.assert_allclose(found, expected, 1e-14)
    assert found[0] == 0.3


@pytest.mark.parametrize("name", ETA_SCHEDULES)
def test_learning_rates_do_not_depend_on_how_many_are_asked_for_at_once(name: str) -> None:
    schedule = Schedule.of(Settings(seq_length=5, epochs=4, eta_schedule=name), 51)
    at_once = schedule.etas(1, 40)
    part = replace(schedule, last_update=25)
    in_parts = [part.etas(begin, end - begin) for begin, end in ((1, 4), (4, 25), (25, 41))]
    np.testing.assert_array_equal(np.concatenate(in_parts), at_once)
