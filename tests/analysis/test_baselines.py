"""What can be predicted without a network."""

import math

import numpy as np
import pytest
from scipy.stats import entropy

import rnn.analysis.baselines
from rnn.analysis.baselines import baselines


def losses(ids: np.ndarray, K: int) -> list[float]:
    """Return the losses from the weakest baseline to the strongest."""
    return list(baselines(ids, K).values())


def ids_of(text: str) -> tuple[np.ndarray, int]:
    vocabulary = sorted(set(text))
    return np.array([vocabulary.index(x) for x in text], np.uint8), len(vocabulary)


def test_two_characters_alike_have_the_entropy_of_a_coin() -> None:
    assert losses(*ids_of("abba"))[:2] == pytest.approx([math.log(2)] * 2)


def test_the_entropy_of_characters_is_scipys() -> None:
    ids, K = ids_of("the mapmakers of saltmarrow")
    assert losses(ids, K)[1] == pytest.approx(entropy(np.bincount(ids)))


def test_a_text_in_which_each_character_tells_the_next_has_no_entropy_of_pairs() -> None:
    assert losses(*ids_of("abcabcabcabc"))[2] == pytest.approx(0, abs=1e-12)


def test_pairs_of_a_small_text_are_as_computed_by_hand() -> None:
    # a is followed by a and b once each, b by a always: 2 of 3 pairs have the entropy of a coin.
    assert losses(*ids_of("aaba"))[2] == pytest.approx(2 / 3 * math.log(2))


def test_pairs_are_the_entropy_of_each_row_weighted_by_its_share() -> None:
    ids = np.random.default_rng(0).integers(0, 7, 3000) ** 2 % 11
    table = np.zeros((11, 11))
    np.add.at(table, (ids[:-1], ids[1:]), 1)
    rows = table[table.sum(axis=1) > 0]
    expected = rows.sum(axis=1) / rows.sum() @ entropy(rows, axis=1)
    assert losses(ids, 11)[2] == pytest.approx(expected)


def test_where_the_text_is_cut_into_pieces_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = np.random.default_rng(1).zipf(1.5, 5000) % 300
    whole = losses(ids, 300)
    monkeypatch.setattr(rnn.analysis.baselines, "_PIECE", 617)
    assert losses(ids, 300) == whole


def test_a_vocabulary_of_all_code_points_takes_no_table_of_its_pairs() -> None:
    ids = np.array([5, 1_100_000, 5, 1_100_000, 5], np.uint32)
    assert losses(ids, 1_114_112)[2] == pytest.approx(0, abs=1e-12)


def test_each_baseline_is_stronger_than_the_one_before() -> None:
    found = losses(*ids_of("she sells sea shells by the sea shore " * 20))
    assert found == sorted(found, reverse=True)
