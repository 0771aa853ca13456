"""The smooth loss and the place in the text, on histories made up for it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from section_outputs import said

from rnn.report.sections.place import facts, lowest_places, reason_not_comparable
from rnn.settings import Settings

U = 10_000


def run(history: pd.DataFrame, updates_per_epoch: int = U, **settings: Any) -> Any:
    return SimpleNamespace(
        history=history,
        updates_per_epoch=updates_per_epoch,
        settings=Settings(**settings),
        pretrained=None,
    )


def valleys(lowest: list[float], whole: bool = True, **settings: Any) -> Any:
    """Return a run with a valley at each of these places, one an epoch."""
    update = np.arange(100, len(lowest) * U + 1, 100)
    if not whole:
        update = update[: -U // 200]
    epoch = (update - 1) // U + 1
    place = (update - 1) % U / U
    valley = np.abs(place - np.array(lowest)[epoch - 1])
    loss = 50 - epoch + 5 * np.minimum(valley, 0.5)
    loss[epoch == 1] += 20 * (1 - place[epoch == 1])
    return run(pd.DataFrame({"update": update, "epoch": epoch, "smooth_loss": loss}), **settings)


def found(one: Any) -> dict[str, Any]:
    return facts(one, lowest_places(one))


def told(one: Any) -> str:
    return said("place", "reading", found(one))


def test_the_lowest_loss_of_every_epoch_is_found_at_its_place() -> None:
    table = lowest_places(valleys([1.0, 0.3, 0.52]))
    assert list(table["epoch"]) == [1, 2, 3]
    np.testing.assert_allclose(table["place"][1:], [0.3, 0.52], atol=0.011)
    assert list(table["complete"]) == [True, True, True]


def test_the_last_update_of_an_epoch_lies_at_its_end() -> None:
    rows = {"update": [U - 100, U, U + 1], "epoch": [1, 1, 2], "smooth_loss": [3.0, 2.0, 4.0]}
    table = lowest_places(run(pd.DataFrame(rows)))
    assert list(table["place"]) == [1.0, 1 / U]
    assert list(table["complete"]) == [True, False]


def test_places_that_lie_close_together_are_said_to() -> None:
    one = valleys([1, 0.91, 0.92, 0.93])
    values = found(one)
    assert values["close"] and values["easiest"]
    assert (values["begin"], values["end"]) == pytest.approx((0.91, 0.93), abs=0.011)
    assert "0.91" in told(one) and "0.93" in told(one)


def test_places_that_lie_apart_are_not_said_to_be_close() -> None:
    one = valleys([1, 0.2, 0.92, 0.5])
    assert not found(one)["close"]
    assert all(place in told(one) for place in ("0.20", "0.92", "0.50"))


def test_the_end_of_the_text_lies_close_to_its_beginning() -> None:
    values = found(valleys([1, 0.97, 0.02, 0.99]))
    assert values["close"]
    assert (values["begin"], values["end"]) == pytest.approx((0.97, 0.02), abs=0.011)


def test_an_epoch_that_was_not_read_to_its_end_is_left_out() -> None:
    values = found(valleys([1, 0.4, 0.41, 0.9], whole=False))
    assert values["later"] == pytest.approx([0.4, 0.41], abs=0.011)
    assert len(values["epochs"]) == 4, "the figure has it"


def test_one_epoch_after_the_first_shows_no_rule() -> None:
    values = found(valleys([1, 0.4]))
    assert len(values["later"]) == 1
    assert said("place", "reading", values) != said("place", "reading", values | {"later": [1, 2]})


def test_swing_and_fall_are_those_of_the_valleys() -> None:
    values = found(valleys([1, 0.5, 0.5]))
    assert values["swing"] == pytest.approx(2.5, abs=0.05)
    assert values["fall"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("settings", [{"order": "random"}, {"order": "chunks"}, {"batch_size": 4}])
def test_other_reading_orders_have_no_place(settings: dict[str, Any], shown) -> None:
    one = valleys([1, 0.9, 0.9], **settings)
    assert found(one)["reason"] == "order"
    out = shown("place", one)
    assert not out.records, "no figure"
    assert ("4" in out.prose) == ("batch_size" in settings)


def test_short_texts_and_short_runs_say_why_there_is_nothing_to_see() -> None:
    short = run(valleys([1, 0.9]).history, 400)
    assert reason_not_comparable(short, lowest_places(short)) == "short"
    assert "400" in told(short)
    assert found(valleys([1]))["reason"] == "once"
    assert not found(valleys([1, 0.5]))["reason"]


def test_losses_that_are_nan_are_left_out() -> None:
    rows = valleys([1, 0.4, 0.4]).history
    rows.loc[rows["epoch"] == 3, "smooth_loss"] = np.nan
    assert list(lowest_places(run(rows))["epoch"]) == [1, 2]


def test_the_figure_is_told_with_every_epoch(shown) -> None:
    (record,) = shown("place", valleys([1, 0.4])).records
    assert record.label == "fig-place"
    assert "epoch 2: 48.0 at 0.4" in record.alt


def test_the_unit_of_the_loss_is_that_of_the_run() -> None:
    assert "per segment" in told(valleys([1, 0.4]))
    assert "per character" in told(valleys([1, 0.4], loss="mean"))
