"""Losses over the whole text, in a table and in sentences."""

import math

from rnn.report.sections.comparison import (
    comparison_alt,
    comparison_caption,
    comparison_reading,
    comparison_table,
)

COUNTS = {"all characters alike": 4.0, "character frequencies": 3.0, "frequencies of pairs": 2.5}


def test_bits_and_perplexity_follow_from_nats() -> None:
    table = comparison_table({"last": math.log(8)}, COUNTS)
    assert list(table.loc["last"]) == ["2.0794", "3.0000", "8.000"]
    assert list(table.index) == [*COUNTS, "last"]


def test_a_loss_that_is_no_number_is_a_dash_and_told_of() -> None:
    assert set(comparison_table({"last": math.nan}, {}).loc["last"]) == {"–"}
    assert "last none" in comparison_alt({"last": math.nan}, {})
    assert "No model" in comparison_reading({"last": math.nan}, COUNTS)


def test_the_best_model_is_named_and_the_others_distances() -> None:
    text = comparison_reading({"first model": 1.9, "last model": 1.8}, COUNTS)
    assert "the last model has the lowest loss, 1.8000 nats or 2.5969 bits" in text
    assert "The first model has 0.1000 nats more." in text


def test_models_of_the_same_loss_are_said_to_be() -> None:
    assert "The b has the same." in comparison_reading({"a": 1.5, "b": 1.5}, COUNTS)


def test_a_network_that_beats_all_counting_says_by_how_much() -> None:
    assert "20% of which the network saves" in comparison_reading({"last": 2.0}, COUNTS)


def test_a_network_between_the_baselines_names_both() -> None:
    text = comparison_reading({"last": 2.8}, COUNTS)
    assert "better than character frequencies (3.0000 nats) but not than frequencies of" in text


def test_a_network_that_learned_nothing_is_told_so() -> None:
    assert "learned nothing yet" in comparison_reading({"last": 4.0}, COUNTS)


def test_the_caption_counts_the_models() -> None:
    assert "of 2 models" in comparison_caption({"a": 1.0, "b": 1.0})
    assert "Loss of the model" in comparison_caption({"a": 1.0})
