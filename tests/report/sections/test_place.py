"""The smooth loss and the place in the text, on histories made up for it."""

import numpy as np
import pandas as pd
import pytest

from rnn.report.sections.loss import published_points
from rnn.report.sections.place import (
    lowest_places,
    place_alt,
    place_caption,
    place_reading,
    places_differ,
)
from rnn.settings import Settings

U = 10_000
CLASSIC = Settings()


def history(lowest: list[float], whole: bool = True) -> pd.DataFrame:
    """Return a history with a valley at each of these places, one an epoch."""
    update = np.arange(100, len(lowest) * U + 1, 100)
    if not whole:
        update = update[: -U // 200]
    epoch = (update - 1) // U + 1
    place = (update - 1) % U / U
    valley = np.abs(place - np.array(lowest)[epoch - 1])
    loss = 50 - epoch + 5 * np.minimum(valley, 0.5)
    loss[epoch == 1] += 20 * (1 - place[epoch == 1])
    return pd.DataFrame({"update": update, "epoch": epoch, "smooth_loss": loss})


def test_the_lowest_loss_of_every_epoch_is_found_at_its_place() -> None:
    table = lowest_places(history([1.0, 0.3, 0.52]), U)
    assert list(table["epoch"]) == [1, 2, 3]
    np.testing.assert_allclose(table["place"][1:], [0.3, 0.52], atol=0.011)
    assert list(table["complete"]) == [True, True, True]


def test_the_last_update_of_an_epoch_lies_at_its_end() -> None:
    rows = {"update": [U - 100, U, U + 1], "epoch": [1, 1, 2], "smooth_loss": [3.0, 2.0, 4.0]}
    table = lowest_places(pd.DataFrame(rows), U)
    assert list(table["place"]) == [1.0, 1 / U]
    assert list(table["complete"]) == [True, False]


def test_places_that_lie_close_together_are_said_to() -> None:
    text = place_reading(history([1, 0.91, 0.92, 0.93]), U, CLASSIC)
    assert "each of these 3 epochs falls between 0.91 and 0.93 of the text" in text
    assert "where the text is easiest" in text


def test_places_that_lie_apart_are_not_said_to_be_close() -> None:
    text = place_reading(history([1, 0.2, 0.92, 0.5]), U, CLASSIC)
    assert "0.20, 0.92, 0.50" in text and "not all at one place" in text
    assert "easiest" not in text


def test_the_end_of_the_text_lies_close_to_its_beginning() -> None:
    text = place_reading(history([1, 0.97, 0.02, 0.99]), U, CLASSIC)
    assert "between 0.97 of the text and 0.02 of its next reading" in text


def test_an_epoch_that_was_not_read_to_its_end_is_left_out() -> None:
    text = place_reading(history([1, 0.4, 0.41, 0.9], whole=False), U, CLASSIC)
    assert "2 epochs falls between 0.40 and 0.41" in text


def test_one_epoch_after_the_first_shows_no_rule() -> None:
    text = place_reading(history([1, 0.4]), U, CLASSIC)
    assert "does not show whether it is always the same" in text


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (Settings(order="random"), "at random positions"),
        (Settings(order="chunks"), "in shuffled chunks"),
        (Settings(batch_size=4), "in 4 streams at once"),
    ],
)
def test_other_reading_orders_have_no_place(settings: Settings, reason: str) -> None:
    assert reason in place_reading(history([1, 0.9, 0.9]), U, settings)


def test_short_texts_and_short_runs_say_why_there_is_nothing_to_see() -> None:
    assert "cannot tell easy pages" in places_differ(history([1, 0.9]), 400, CLASSIC)
    assert "not read twice" in place_reading(history([1]), U, CLASSIC)
    assert not places_differ(history([1, 0.5]), U, CLASSIC)


def test_losses_that_are_no_numbers_are_left_out() -> None:
    rows = history([1, 0.4, 0.4])
    rows.loc[rows["epoch"] == 3, "smooth_loss"] = np.nan
    assert list(lowest_places(rows, U)["epoch"]) == [1, 2]


def test_caption_and_alternative_text_tell_of_the_epochs() -> None:
    rows = history([1, 0.4])
    assert "first epoch's fall" in place_caption(rows, U)
    assert "epoch 2: 48.0 at 0.4" in place_alt(rows, U)


def test_published_losses_belong_to_the_assignments_book_and_settings_alone() -> None:
    assert published_points("goblet", CLASSIC, 310_107)["students"][-1] == (308_052, 40.0659)
    assert not published_points("saltmarrow", CLASSIC, 310_107)
    assert not published_points("goblet", Settings(m=50), 310_107)
    assert not published_points("goblet", Settings(optimizer="adam"), 310_107)
    assert published_points("goblet", Settings(course="2026"), 2000) == {
        "course staff": [(1, 4.605), (1000, 3.381)]
    }
    assert published_points("goblet", Settings(seed=3, epochs=2), 1) == {
        "course staff": [(1, 109.236)]
    }
