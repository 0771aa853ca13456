"""What single hidden units tell, in a table, in coloured text and in sentences."""

import numpy as np
import pandas as pd

from rnn.analysis.hidden_units import FEATURES, Stretch, tell
from rnn.report.sections.units import (
    clear_units,
    passages,
    units_alt,
    units_caption,
    units_reading,
    units_table_caption,
    units_view,
)

TEXT = 'The sea, the sand. The harbour said: "He is late." And so it was.\n' * 60
BY_NAME = {feature.name: feature for feature in FEATURES}


def stretch(**told: int) -> Stretch:
    """Return a stretch of noise whose units tell features: the unit from 0 of each by a word."""
    vocabulary = sorted(set(TEXT))
    ids = np.array([vocabulary.index(x) for x in TEXT], np.uint8)
    H = np.random.default_rng(0).standard_normal((len(TEXT), 12)) / 3
    for word, unit in told.items():
        name = next(name for name in BY_NAME if word in name)
        H[:, unit] += np.nan_to_num(BY_NAME[name].values(TEXT).astype(float))
    return Stretch(TEXT, ids, np.tanh(H))


def test_only_what_a_unit_tells_clearly_is_shown() -> None:
    there = stretch(quotation=4)
    table = tell(there)
    assert list(units_view(table)["feature"]) == ["inside quotation marks"]
    assert units_view(table)["unit"][0] == "5"
    text = units_reading(there, table)
    assert f"For 1 of the {len(table)} a unit reaches" in text
    assert "unit 5 tells 'inside quotation marks'" in text
    assert "No single unit tells 'a capital is due" in text


def test_noise_tells_nothing_and_is_said_to() -> None:
    there = stretch()
    table = tell(there)
    assert clear_units(table).empty and units_view(table).empty
    assert passages(there, table) == []
    assert "No unit reaches an AUC of 0.75" in units_reading(there, table)


def test_what_the_character_tells_by_itself_is_no_memory() -> None:
    there = stretch(vowel=2)
    table = tell(there)
    assert list(clear_units(table)["feature"]) == ["a vowel was read"]
    assert "so none shows a memory" in units_reading(there, table)


def test_features_that_need_a_memory_come_first() -> None:
    table = tell(stretch(vowel=2, quotation=4))
    assert list(clear_units(table)["feature"]) == ["inside quotation marks", "a vowel was read"]


def test_a_passage_lies_in_the_half_that_chose_nothing_and_shows_both_sides() -> None:
    there = stretch(quotation=4)
    (passage,) = passages(there, tell(there))
    assert passage.text in TEXT[there.half :]
    yes = BY_NAME["inside quotation marks"].values(TEXT)
    begin = there.half + TEXT[there.half :].index(passage.text)
    assert 0.1 < yes[begin : begin + len(passage.text)].mean() < 0.5
    assert passage.title.startswith("unit 5, high: inside quotation marks (AUC ")


def test_no_unit_is_coloured_twice() -> None:
    there = stretch(vowel=2, quotation=2)
    table = tell(there)
    assert len(passages(there, table)) == clear_units(table)["unit"].nunique()


def test_a_text_too_short_to_ask_is_said_to_be() -> None:
    short = Stretch("ab", np.zeros(2, np.uint8), np.zeros((2, 3)))
    table = tell(short)
    assert passages(short, table) == []
    assert units_view(table).empty
    assert "too short" in units_reading(short, table)


def test_caption_and_alternative_text_say_what_is_coloured() -> None:
    there = stretch(quotation=4)
    shown = passages(there, tell(there))
    assert "of a hidden unit" in units_caption(shown)
    assert f"{len(TEXT) // 2:,} characters" in units_table_caption(there)
    assert "positive at" in units_alt(shown) and "of 252 characters" in units_alt(shown)
    assert isinstance(units_view(tell(there)), pd.DataFrame)
