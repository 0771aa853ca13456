"""What single hidden units tell about the text, on texts and units made for it."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, spearmanr

from rnn.analysis.hidden_units import FEATURES, Stretch, tell
from rnn.cells import Vanilla
from rnn.model import Architecture, initialise

VOWEL, LETTERS = "a vowel was read", "letters of the word so far"


def told(name: str, text: str) -> str:
    """Return the text with the characters that lack a feature replaced by dots."""
    yes = FEATURES[name](text)
    return "".join(x if there else "." for x, there in zip(text, yes, strict=True))


def stretch(text: str, H: np.ndarray) -> Stretch:
    vocabulary = sorted(set(text))
    return Stretch(text, np.array([vocabulary.index(x) for x in text], np.uint8), H, H.shape[1])


def random_parameters() -> Vanilla:
    architecture = Architecture(Vanilla, 4, 3)
    return architecture.parameters(initialise(architecture, 0.5, np.random.default_rng(0)))


def noise(n: int, m: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, m))


def test_quotations_reach_from_the_opening_mark_to_before_the_closing_one() -> None:
    assert told("inside quotation marks", 'He: "So." No') == '...."So.....'
    assert told("inside quotation marks", "a “b” c «d» e") == "..“b....«d..."


def test_a_quotation_that_is_never_closed_ends_with_its_paragraph() -> None:
    assert told("inside quotation marks", 'x "y\n\nz') == '.."y...'
    assert told("inside quotation marks", 'x "y\nz\n\nw') == '.."y\nz...'


def test_a_capital_is_due_from_the_blank_to_before_the_letter() -> None:
    name = "a capital is due after a full stop"
    assert told(name, 'So. "He" a.b') == '... ".......'
    assert told(name, "Ha!\n\nO") == "...\n\n."


def test_a_word_with_a_capital_is_told_after_the_capital() -> None:
    assert told("inside a word that began with a capital", "The sea Of") == ".he......f"


def test_characters_are_counted_from_the_line_feed() -> None:
    values = FEATURES["characters since the line began"]("ab\ncd\n")
    np.testing.assert_array_equal(values, [np.nan, np.nan, 0, 1, 2, 0])


def test_letters_of_a_word_are_counted_and_other_characters_have_none() -> None:
    values = FEATURES[LETTERS]("ab, c")
    np.testing.assert_array_equal(values, [1, 2, np.nan, np.nan, 1])


def test_vowels_with_accents_are_vowels() -> None:
    assert told("a vowel was read", "Éxö bу") == "É.ö..у"


def test_every_feature_has_a_value_for_every_character() -> None:
    for text in ("", "\n", "小川。", "a\u0301 \U0010ffff\x00", '"' * 7):
        for name, feature in FEATURES.items():
            assert feature(text).shape == (len(text),), name


def test_the_unit_that_carries_a_feature_is_found_and_its_area_is_scipys() -> None:
    text = "the sea, the sand and the harbour " * 60
    H = noise(len(text), 9)
    vowels = FEATURES[VOWEL](text)
    H[:, 4] -= 1.5 * vowels
    row = tell(stretch(text, H), {VOWEL: FEATURES[VOWEL]}).iloc[0]
    half = len(text) // 2
    yes, scores = vowels[half:], -H[half:, 4]
    expected = mannwhitneyu(scores[yes], scores[~yes]).statistic / yes.sum() / (~yes).sum()
    assert (row["unit"], row["sign"], row["clear"]) == (5, -1, True)
    assert row["score"] == pytest.approx(expected)


def test_the_unit_that_counts_is_found_and_its_correlation_is_scipys() -> None:
    text = "the sea, the sand and the harbour " * 60
    letters = FEATURES[LETTERS](text)
    H = noise(len(text), 9)
    H[:, 2] += np.nan_to_num(letters)
    row = tell(stretch(text, H), {LETTERS: FEATURES[LETTERS]}).iloc[0]
    half = slice(len(text) // 2, None)
    known = ~np.isnan(letters[half])
    expected = spearmanr(H[half, 2][known], letters[half][known]).statistic
    assert (row["unit"], row["sign"]) == (3, 1)
    assert row["score"] == pytest.approx(expected)


def test_ties_count_half() -> None:
    text = "ab" * 200
    H = np.zeros((len(text), 2))
    row = tell(stretch(text, H), {VOWEL: FEATURES[VOWEL]}).iloc[0]
    assert row["score"] == 0.5 and not row["clear"]


def test_among_many_units_of_noise_the_chosen_one_does_not_tell_on_other_text() -> None:
    text = "the sea, the sand and the harbour. " * 40
    table = tell(stretch(text, noise(len(text), 400)))
    assert len(table) > 3
    assert not table["clear"].any()
    assert (table["chosen_with"] > table["score"]).mean() > 0.5


def test_what_the_character_tells_alone_is_all_of_a_vowel_and_nothing_of_the_noise() -> None:
    text = "the sea, the sand and the harbour " * 60

    def coin(text: str) -> np.ndarray:
        return np.random.default_rng(3).random(len(text)) < 0.5

    table = tell(stretch(text, noise(len(text), 3)), {VOWEL: FEATURES[VOWEL], "coin": coin})
    assert table["character_alone"][0] == 1
    assert table["character_alone"][1] == pytest.approx(0.5, abs=0.06)


def test_features_that_a_half_hardly_has_are_left_out() -> None:
    text = "no figures here, " * 50 + "7" * 100
    table = tell(stretch(text, noise(len(text), 3)))
    assert "a digit was read" not in set(table["feature"])


def test_a_text_too_short_for_anything_gives_an_empty_table() -> None:
    assert tell(stretch("ab", noise(2, 3))).empty


def test_characters_of_the_second_half_alone_are_no_stumbling_block() -> None:
    text = "the sea. " * 50 + "zq, yes. " * 50
    assert np.isfinite(tell(stretch(text, noise(len(text), 3)))["character_alone"]).all()


def test_a_stretch_lies_in_the_middle_and_is_read_with_what_stands_before_it() -> None:
    parameters = random_parameters()
    ids = np.random.default_rng(1).integers(0, 3, 1000).astype(np.uint8)
    h0 = np.array([0.5, -0.5, 0.9, -0.9])
    middle = Stretch.of(parameters, h0, "abc", ids, most=100)
    assert middle.text == "".join("abc"[i] for i in ids[450:550])
    whole = Stretch.of(parameters, h0, "abc", ids[250:550])
    np.testing.assert_array_equal(middle.H, whole.H[200:])


def test_a_short_text_is_taken_whole() -> None:
    parameters = random_parameters()
    ids = np.array([0, 1, 2, 1, 0], np.uint8)
    assert Stretch.of(parameters, np.zeros(4), "abc", ids).text == "abcba"


def test_the_states_of_a_stretch_are_the_recurrence() -> None:
    p = random_parameters()
    h0, rows = np.array([0.5, -0.5, 0.9, -0.9]), []
    h = h0
    for x in (0, 2, 1):
        h = np.tanh(p.W[0] @ h + p.U[x] + p.b[0])
        rows.append(h)
    H = Stretch.of(p, h0, "abc", np.array([0, 2, 1], np.uint8)).H
    np.testing.assert_allclose(H, rows, rtol=1e-12)
