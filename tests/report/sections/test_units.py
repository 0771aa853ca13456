"""What single hidden units indicate, in a table, in coloured text and in sentences."""

from typing import Any

import numpy as np
import pytest
from section_outputs import rows, said

from rnn.analysis.hidden_units import FEATURES, Stretch, tell
from rnn.report.sections import units
from rnn.report.sections.units import clear_units, facts, passages

TEXT = 'The sea, the sand. The harbour said: "He is late." And so it was.\n' * 60


def stretch(**told: int) -> Stretch:
    """Return a stretch of noise whose units indicate features: its number from 0 by a word."""
    vocabulary = sorted(set(TEXT))
    ids = np.array([vocabulary.index(x) for x in TEXT], np.uint8)
    H = np.random.default_rng(0).standard_normal((len(TEXT), 12)) / 3
    for word, unit in told.items():
        name = next(name for name in FEATURES if word in name)
        H[:, unit] += np.nan_to_num(FEATURES[name](TEXT).astype(float))
    return Stretch(TEXT, ids, np.tanh(H), H.shape[1])


def found(there: Stretch) -> dict[str, Any]:
    return facts(there, tell(there))


def test_only_what_a_unit_indicates_clearly_is_shown() -> None:
    there = stretch(quotation=4)
    values = found(there)
    shown = rows("units", "table", values)
    assert list(shown["feature"]) == ["inside quotation marks"]
    assert list(map(str, shown["unit"])) == ["5"]
    assert values["clear"] == 1 and len(values["missed"]) == values["features"] - 1
    text = said("units", "reading", values)
    assert f"1 of the {values['features']}" in text
    assert "unit 5" in text and "inside quotation marks" in text
    assert all(feature in text for feature in values["missed"])


def test_noise_indicates_nothing_and_is_said_to() -> None:
    there = stretch()
    told = tell(there)
    assert clear_units(told).empty and rows("units", "table", found(there)).empty
    assert passages(there, told) == []
    assert "0.75" in said("units", "reading", found(there))


def test_what_the_character_indicates_by_itself_is_no_memory() -> None:
    values = found(stretch(vowel=2))
    assert values["clear"] == 1 and values["remembering"] == []


def test_features_that_need_a_memory_come_first() -> None:
    told = tell(stretch(vowel=2, quotation=4))
    assert list(clear_units(told)["feature"]) == ["inside quotation marks", "a vowel was read"]
    (remembering,) = found(stretch(vowel=2, quotation=4))["remembering"]
    assert remembering["unit"] == 5


def test_a_passage_lies_in_the_half_that_chose_nothing_and_shows_both_sides() -> None:
    there = stretch(quotation=4)
    ((row, part),) = passages(there, tell(there))
    assert there.half <= part.start and part.stop <= len(TEXT)
    assert 0.1 < FEATURES["inside quotation marks"](TEXT)[part].mean() < 0.5
    title = said("units", "title", row)
    assert all(words in title for words in ("5", "inside quotation marks", "AUC"))


def test_no_unit_is_coloured_twice() -> None:
    there = stretch(vowel=2, quotation=2)
    told = tell(there)
    assert len(passages(there, told)) == clear_units(told)["unit"].nunique()


def test_a_text_too_short_to_ask_is_said_to_be() -> None:
    short = Stretch("ab", np.zeros(2, np.uint8), np.zeros((2, 3)), 3)
    told = tell(short)
    assert passages(short, told) == [] and rows("units", "table", found(short)).empty
    assert found(short)["features"] == 0
    assert said("units", "reading", found(short))


def test_table_and_figure_say_what_is_coloured(shown, monkeypatch: pytest.MonkeyPatch) -> None:
    class Read(Stretch):
        of = classmethod(lambda cls, *_: stretch(quotation=4))

    monkeypatch.setattr(units, "Stretch", Read)
    monkeypatch.setattr(units, "asked", lambda *_: units.FEATURES)
    nothing: Any = type("Model", (), {"parameters": 0, "h": 0, "vocabulary": "", "ids": 0})
    out = shown("units", nothing, nothing)
    assert out.labels == ["tab-units", "fig-units"]
    assert f"{len(TEXT) // 2:,} characters" in out.records[0].caption
    assert "of 252 characters" in out.records[1].alt and "unit 5" in out.records[1].alt


class Text:
    """A text as the sections read it."""

    def __init__(self, text: str) -> None:
        self.ids, self.decode = text, str


def test_units_are_asked_only_about_what_the_text_has() -> None:
    rng = np.random.default_rng(0)
    dna = "\n".join("".join(rng.choice(list("ACGT"), 60)) for _ in range(200))
    few = units.asked(Text(dna), dna)
    assert not {"a vowel was read", "letters of the word so far"} & set(few)
    assert "characters since the line began" in few
    assert set(units.asked(Text(TEXT), TEXT)) == set(FEATURES)


def test_wide_characters_take_two_columns() -> None:
    assert units.places("a日\n") == [(0, 0, 1), (0, 1, 2), (0, 3, 1)]
    assert units.places("日" * 43)[-1] == (1, 0, 2)
