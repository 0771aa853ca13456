"""Losses over the whole text, in a table and in sentences."""

import math

import pandas as pd
import pytest
from section_outputs import rows, said

from rnn.report.sections.models import facts, overfitting
from rnn.runs.run import LAST, LOWEST_HELD_OUT

COUNTS = {"all characters alike": 4.0, "character frequencies": 3.0, "frequencies of pairs": 2.5}
HELD_OUT = {"held_out": 0.1}


def told(models: dict[str, float]) -> str:
    return said("models", "reading", facts(models, COUNTS) | {"held_out": 0.0})


def table(models: dict[str, float], **held_out: dict[str, float]) -> pd.DataFrame:
    values = facts(models, COUNTS) | {"ln2": math.log(2)}
    values |= {name: {"losses": losses} for name, losses in held_out.items()}
    return rows("models", "table", values)


def test_bits_and_perplexity_follow_from_nats() -> None:
    losses = table({"last": math.log(8)})
    assert list(losses.loc["last"]) == ["2.0794", "3.0000", "8.000"]
    assert list(losses.index) == [*COUNTS, "last"]


def test_a_loss_that_is_nan_is_a_dash_and_told_of() -> None:
    assert set(table({"last": math.nan}).loc["last"]) == {"–"}
    values = facts({"last": math.nan}, COUNTS)
    assert not values["finite"]
    assert "nan" not in told({"last": math.nan})


def test_a_loss_too_large_for_its_perplexity_is_told() -> None:
    assert list(table({"last": 3000.0}).loc["last"]) == ["3,000.0000", "4,328.0851", "1e+1303"]


def test_the_best_model_is_named_and_the_others_distances() -> None:
    models = {"first model": 1.9, "last model": 1.8}
    values = facts(models, COUNTS)
    assert (values["best"], values["nats"]) == ("last model", 1.8)
    assert values["others"] == {"first model": pytest.approx(0.1)}
    for words in ("last model", "1.8000 nats", "2.5969 bits", "0.1000 nats"):
        assert words in told(models)


def test_models_of_the_same_loss_are_said_to_be() -> None:
    assert facts({"a": 1.5, "b": 1.5}, COUNTS)["others"] == {"b": 0.0}
    assert "0.0000" not in told({"a": 1.5, "b": 1.5})


def test_a_network_that_beats_all_counting_says_by_how_much() -> None:
    assert facts({"last": 2.0}, COUNTS)["missed"] == ""
    assert "20%" in told({"last": 2.0})


def test_a_network_between_the_baselines_names_both() -> None:
    values = facts({"last": 2.8}, COUNTS)
    assert (values["beaten"], values["missed"]) == ("character frequencies", "frequencies of pairs")
    for words in ("character frequencies (3.0000 nats)", "frequencies of pairs (2.5000 nats)"):
        assert words in told({"last": 2.8})


def test_a_network_that_learned_nothing_beats_none() -> None:
    assert facts({"last": 4.0}, COUNTS)["beaten"] == ""


def test_the_caption_counts_the_models() -> None:
    assert "2 models" in said("models", "caption", facts({"a": 1.0, "b": 1.0}, COUNTS) | HELD_OUT)


def test_losses_on_the_held_out_part_stand_beside_those_over_the_text() -> None:
    there = {"last": math.log(4), "frequencies of pairs": 2.25}
    told = table({"last": math.log(8), "other": 2.0}, on_held_out=there)
    assert list(told.loc["last"]) == ["2.0794", "3.0000", "8.000", "1.3863", "2.0000"]
    assert list(told.loc["frequencies of pairs"])[-2:] == ["2.2500", "3.2461"]
    assert list(told.loc["other"])[-2:] == ["–", "–"]
    assert len(table({"last": 1.0}).columns) == 3


def test_the_best_model_on_the_held_out_part_is_named_beside_counting_there() -> None:
    values = facts({"a": 1.5, "b": 1.6}, COUNTS) | {"held_out": 0.1, "overfitting": {}}
    values["on_held_out"] = facts({"a": 2.75, "b": 2.6}, {"singles": 3.5, "pairs": 2.3})
    words = said("models", "reading", values)
    for told in ("the b has", "2.6000 nats", "3.7510 bits", "0.1500 nats", "3.5000", "2.3000"):
        assert told in words
    assert "2.6000" not in said("models", "reading", values | {"on_held_out": facts({}, COUNTS)})


@pytest.mark.parametrize(
    ("trained", "held_out", "overfits"),
    [
        ([2.0, 1.5], [2.25, 2.5], True),
        ([2.0, 2.1], [2.25, 2.5], False),  # worse everywhere: that is too long a step
        ([2.0, 1.5], [2.25, 2.251], False),
        ([2.0, 1.9999], [2.25, 2.5], False),
        ([2.0, 2.0], [2.25, 2.25], False),
    ],
)
def test_a_network_overfits_that_learns_what_helps_with_no_other_text(
    trained: list[float], held_out: list[float], overfits: bool
) -> None:
    names = (LOWEST_HELD_OUT, LAST)
    models, there = (dict(zip(names, losses, strict=True)) for losses in (trained, held_out))
    found = overfitting(models, there)
    values = facts(models, COUNTS) | {"held_out": 0.1, "overfitting": found}
    words = said("models", "reading", values | {"on_held_out": facts(there, COUNTS)})
    told = all(f"{number:.4f} nats" in words for number in found.values())
    assert bool(found) == overfits and told
    assert ("**" in words) == overfits
    assert not overfitting({LAST: 1.0}, {LAST: 2.0})
