"""Synthesized text follows the network's own probabilities, and the settings bend them as told."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from rnn import sampling
from rnn.cells import CELLS
from rnn.errors import ReportError
from rnn.model import Architecture, initialise
from rnn.sampling import LONGEST, probabilities, read, read_pieces, synthesize

K, m = 6, 8
PROBABILITIES = np.array([0.4, 0.25, 0.2, 0.1, 0.04, 0.01])


def network(layers: int = 1) -> Any:
    """A network whose next character depends a good deal on what came before."""
    architecture = Architecture(CELLS["vanilla"], m, K, layers)
    return architecture.parameters(initialise(architecture, 1.5, np.random.default_rng(3)))


def dice() -> Any:
    """A network that gives the same probabilities whatever it reads."""
    architecture = Architecture(CELLS["vanilla"], m, K)
    parameters = architecture.parameters(np.zeros(architecture.size))
    parameters.c[:] = np.log(PROBABILITIES)
    return parameters


def step(parameters: Any, h: np.ndarray, x: int) -> tuple[np.ndarray, np.ndarray]:
    """Let the network read a character, in plain NumPy; return its state and its outputs."""
    W, b, U_above, V, c, U = parameters
    z, states = U[x], []
    for layer, before in enumerate(np.split(h, len(W))):
        if layer:
            z = U_above[layer - 1] @ states[-1]
        states.append(np.tanh(W[layer] @ before + z + b[layer]))
    return np.concatenate(states), V @ states[-1] + c


def throw(n: int, seed: int = 0, **how: Any) -> np.ndarray:
    return synthesize(dice(), np.zeros(m), 0, n, np.random.default_rng(seed), **how)


def assert_follows(ids: np.ndarray, probabilities: np.ndarray) -> None:
    """Compare counts with a distribution; one in a thousand fair throws would fail."""
    counts = np.bincount(ids, minlength=K)
    possible = probabilities > 0
    assert not counts[~possible].any()
    if possible.sum() > 1:
        assert chisquare(counts[possible], probabilities[possible] * ids.size).pvalue > 1e-3


def test_characters_come_as_often_as_their_probabilities_say() -> None:
    assert_follows(throw(20_000), PROBABILITIES)


@pytest.mark.parametrize("temperature", [0.3, 5.0])
def test_temperature_divides_the_outputs(temperature: float) -> None:
    outputs = np.log(PROBABILITIES) / temperature
    assert_follows(throw(20_000, temperature=temperature), np.exp(outputs) / np.exp(outputs).sum())


@pytest.mark.parametrize(("top_p", "kept"), [(0.39, 1), (0.41, 2), (0.96, 5), (0.995, 6)])
def test_top_p_keeps_the_fewest_characters_that_reach_it(top_p: float, kept: int) -> None:
    nucleus = np.where(np.arange(K) < kept, PROBABILITIES, 0)
    assert_follows(throw(20_000, top_p=top_p), nucleus / nucleus.sum())


def test_top_p_looks_at_the_probabilities_after_the_temperature() -> None:
    sharp = PROBABILITIES**2 / (PROBABILITIES**2).sum()
    assert sharp[0] > 0.55 > PROBABILITIES[0]
    assert not throw(1000, temperature=0.5, top_p=0.55).any()


def test_a_wrong_distribution_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        assert_follows(throw(20_000), PROBABILITIES[[1, 0, 2, 3, 4, 5]])
    with pytest.raises(AssertionError):
        assert_follows(throw(20_000, temperature=0.9), PROBABILITIES)


def likeliest(parameters: Any, n: int) -> list[int]:
    """Take the likeliest character every time, in plain NumPy."""
    h, x, ids = np.zeros(m), 0, []
    for _ in range(n):
        h, o = step(parameters, h, x)
        x = int(np.argmax(o))
        ids.append(x)
    return ids


@pytest.mark.parametrize(
    "how", [{"temperature": 0}, {"temperature": 1e-9}, {"temperature": 5e-324}, {"top_p": 1e-12}]
)
def test_at_their_lower_limits_temperature_and_top_p_take_the_likeliest(how: Any) -> None:
    ids = synthesize(network(), np.zeros(m), 0, 60, np.random.default_rng(0), **how)
    assert ids.tolist() == likeliest(network(), 60)
    assert len(set(ids.tolist())) > 1


def test_at_top_p_one_nothing_is_left_out() -> None:
    plain = throw(2000)
    np.testing.assert_array_equal(throw(2000, top_p=1), plain)
    np.testing.assert_array_equal(throw(2000, top_p=1.0, temperature=1), plain)
    assert set(plain.tolist()) == set(range(K))


def test_at_a_huge_temperature_all_characters_are_as_likely() -> None:
    assert_follows(throw(20_000, temperature=1e300), np.full(K, 1 / K))


@pytest.mark.parametrize("layers", [1, 2])
def test_synthesis_is_the_networks_own_recurrence(layers: int) -> None:
    parameters, h = network(layers), np.random.default_rng(1).uniform(-1, 1, layers * m)
    ids = synthesize(parameters, h, 2, 200, np.random.default_rng(5))
    uniforms = np.random.default_rng(5).random(200)
    x, want = 2, []
    for u in uniforms:
        h, o = step(parameters, h, x)
        p = np.exp(o)
        x = int(np.searchsorted(np.cumsum(p / p.sum()), u, side="right"))
        want.append(x)
    assert ids.tolist() == want
    assert len(set(want)) > 2


@pytest.mark.parametrize("layers", [1, 2])
def test_probabilities_are_the_networks_own_at_every_character_of_a_text(layers: int) -> None:
    parameters, h = network(layers), np.random.default_rng(1).uniform(-1, 1, layers * m)
    text, want = np.array([3, 1, 4, 1, 5], np.uint8), []
    found = probabilities(parameters, h, 2, text)
    for x in [2, *text[:-1]]:
        h, o = step(parameters, h, x)
        want.append(np.exp(o) / np.exp(o).sum())
    np.testing.assert_allclose(found, want, rtol=1e-12)
    assert probabilities(parameters, h, 2, text[:0]).shape == (0, K)


def test_the_same_seed_gives_the_same_text_and_another_seed_another() -> None:
    assert throw(100, seed=1).tolist() == throw(100, seed=1).tolist() != throw(100, seed=2).tolist()


@pytest.mark.parametrize("how", [{"temperature": 0}, {"top_p": 0.5}, {"temperature": 2}])
def test_one_number_is_drawn_a_character_whatever_the_settings(how: Any) -> None:
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    synthesize(dice(), np.zeros(m), 0, 50, rng, **how)
    other.random(50)
    assert rng.random() == other.random()


def test_given_arrays_are_left_as_they_are() -> None:
    parameters, h0 = network(), np.ones(m)
    before = [part.copy() for part in parameters]
    synthesize(parameters, h0, 0, 20, np.random.default_rng(0))
    read(parameters, h0, np.array([1, 2, 3]))
    assert h0.tolist() == [1.0] * m
    assert all(np.array_equal(a, b) for a, b in zip(before, parameters, strict=True))


@pytest.mark.parametrize("end", [[2], [1, 0], [0, 0, 0]])
def test_an_end_of_document_stops_the_text_right_after_it(end: list[int]) -> None:
    whole = throw(300).tolist()
    stopped = throw(300, end=np.array(end, np.uint8)).tolist()
    first = next(i for i in range(300) if whole[i : i + len(end)] == end)
    assert stopped == whole[: first + len(end)]


def test_without_an_end_of_document_the_text_has_its_full_length() -> None:
    assert len(throw(300, end=np.array([5, 5, 5, 5]))) == 300
    assert len(throw(300, end=np.zeros(0, int))) == 300
    assert len(throw(3, end=np.array([0, 0, 0, 0, 0]))) == 3
    assert len(throw(0)) == 0


@pytest.mark.parametrize("layers", [1, 2])
def test_reading_a_text_is_the_recurrence_over_it(layers: int) -> None:
    parameters = network(layers)
    h0 = h = np.random.default_rng(1).uniform(-1, 1, layers * m)
    text = np.array([3, 1, 4, 1, 5], np.uint8)
    for x in text:
        h, _ = step(parameters, h, x)
    np.testing.assert_allclose(read(parameters, h0, text), h, rtol=1e-12)
    np.testing.assert_array_equal(read(parameters, h0, text[:0]), h0)


def test_hidden_states_do_not_depend_on_the_pieces_a_text_is_read_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text, read_in = np.random.default_rng(2).integers(K, size=50), []
    for piece in (1000, 7):
        monkeypatch.setattr(sampling, "_PIECE", piece)
        pieces = list(read_pieces(network(2), np.zeros((1, 2 * m)), text))
        assert len(pieces) == -(-50 // piece)
        read_in.append(np.concatenate(pieces, axis=1))
    assert read_in[0].shape == (2, 50, m)
    np.testing.assert_allclose(read_in[0], read_in[1], rtol=1e-12)


def test_reading_then_synthesizing_goes_on_where_synthesizing_alone_would() -> None:
    parameters, h0 = network(2), np.zeros(2 * m)
    whole = synthesize(parameters, h0, 0, 40, np.random.default_rng(0), temperature=0)
    h = read(parameters, h0, np.array([0, *whole[:19]]))
    rest = synthesize(parameters, h, int(whole[19]), 20, np.random.default_rng(0), temperature=0)
    assert rest.tolist() == whole[20:].tolist()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"temperature": -0.1}, "temperature: expected a finite number of at least 0, got -0.1"),
        ({"temperature": np.nan}, "temperature: expected a finite number of at least 0, got nan"),
        ({"temperature": "hot"}, "temperature: expected a finite number of at least 0, got 'hot'"),
        ({"top_p": 0}, "top_p: expected a finite number above 0 and at most 1, got 0"),
        ({"top_p": 1.01}, "top_p: expected a finite number above 0 and at most 1, got 1.01"),
        ({"n": -1}, "length: expected a whole number of at least 0, got -1"),
        (
            {"n": LONGEST + 1},
            "length: expected a whole number from 0 to 10,000,000, got 10000001",
        ),
        ({"x0": K}, "ids: expected characters from 0 to 5, got others"),
        ({"x0": -1}, "ids: expected characters from 0 to 5, got others"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(how: dict[str, Any], message: str) -> None:
    arguments = {"x0": 0, "n": 10} | how
    with pytest.raises(ReportError) as caught:
        synthesize(dice(), np.zeros(m), rng=np.random.default_rng(0), **arguments)
    assert str(caught.value) == message


def test_reading_unknown_characters_is_refused() -> None:
    with pytest.raises(ReportError, match="ids: expected characters from 0 to 5, got others"):
        read(dice(), np.zeros(m), np.array([0, 6]))
