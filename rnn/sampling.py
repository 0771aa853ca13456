"""Text from a model: each character is drawn, and read by the network before the next."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from rnn.errors import ReportError, require_number, require_whole
from rnn.kernels.compilation import compiled
from rnn.kernels.elementary import exp, log
from rnn.model import empty_segment, forward, hidden_states
from rnn.text.segments import document_marks

#: Characters synthesized at once, at most: some minutes of work.
LONGEST = 10_000_000

_PIECE = 1000  # characters read at a time; the result does not depend on it


def read(parameters: Any, h: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Let the network read a text, and return the state after it, shape (state size,).

    Parameters
    ----------
    parameters : Parameters
        Those of a network.
    h : (state size,)
        The state before the text.
    ids : (n,) integers
        The text; characters that the network does not know are a ReportError.
    """
    for _ in read_pieces(parameters, state := h.reshape(1, -1).copy(), ids):
        pass
    return state[0]


def read_pieces(parameters: Any, state: np.ndarray, ids: np.ndarray) -> Iterator[np.ndarray]:
    """Read a text as `read` does, and yield the states (L, characters, states m) of its pieces.

    They are h or, of a cell with two states, h and c.  `state`, shape (1, state size), is updated.
    """
    text = _characters(ids, len(parameters.c))
    for begin in range(0, len(text), _PIECE):
        x = text[begin : begin + _PIECE]
        segment = empty_segment(parameters, x, x)
        hidden_states(parameters, segment, state)
        yield np.concatenate([segment.H, segment.C], axis=3)[:, :, 0]


def synthesize(
    parameters: Any,
    h: np.ndarray,
    x0: int,
    n: int,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_p: float = 1.0,
    end: npt.ArrayLike = (),
) -> np.ndarray:
    """Synthesize `n` characters, and return their ids: int64, fewer if `end` occurred.

    Parameters
    ----------
    parameters : Parameters
        Those of a network.
    h : (state size,)
        The state before `x0` is read.
    x0 : int
        The first character read; it is not part of the result.
    n : int
        How many characters.
    rng : numpy.random.Generator
        Drawn from once a character, whatever the other settings.
    temperature : float
        The outputs are divided by it; 0 takes the likeliest character every time.
    top_p : float
        Only the likeliest characters that together have this probability are drawn from
        (nucleus sampling: Holtzman et al., 2020), at least one.
    end : (k,) integers, optional
        The end of a document: the text ends with its first occurrence.

    Raises
    ------
    ReportError
        If `temperature`, `top_p` or `n` is out of range, or `x0` is no character.
    """
    temperature = require_number("temperature", temperature, least=0)
    top_p = require_number("top_p", top_p, above=0, most=1)
    n = require_whole("length", n, 0, LONGEST)
    x = _characters([x0], len(parameters.c))
    segment = empty_segment(parameters, x, x)
    ids, state = np.empty(n, np.int64), h.reshape(1, -1).copy()
    _synthesize(parameters, segment, state, rng.random(n), temperature, top_p, ids)
    marks = document_marks(ids, np.asarray(end))
    return ids[: marks.argmax()] if marks.any() else ids


def probabilities(parameters: Any, h: np.ndarray, x0: int, ids: np.ndarray) -> np.ndarray:
    """Return the network's own probabilities at each character of a text, shape (n, K).

    They are p_t of `rnn.model`, whatever temperature and nucleus the text was drawn with: row t is
    for the place of ``ids[t]``, given `x0` and the characters before it.

    Parameters
    ----------
    parameters, h, x0
        As for `synthesize`.
    ids : (n,) integers
        The text; characters that the network does not know are a ReportError.
    """
    read_and_next = _characters(np.append(x0, ids), len(parameters.c))
    segment = empty_segment(parameters, read_and_next[:-1], read_and_next[1:])
    if len(ids):  # a segment of no characters has no room for a state
        forward(parameters, segment, h.reshape(1, -1).copy())
    return segment.P[:, 0]


def _characters(ids: npt.ArrayLike, K: int) -> np.ndarray:
    """Bring ids to shape (n, 1); compiled code trusts them, so that they are checked here."""
    x = np.asarray(ids, np.int64).reshape(-1, 1)
    if x.min(initial=0) < 0 or x.max(initial=0) >= K:
        raise ReportError(f"ids: expected characters from 0 to {K - 1}, got others")
    # The type that the text's ids have, so that training's compiled code serves here too.
    return x.astype(np.min_scalar_type(K - 1))


# In loops, as what they are written shorter with takes seconds to compile.
@compiled
def _synthesize(parameters, segment, state, uniforms, temperature, top_p, ids):
    P = segment.P
    p = np.empty(P.shape[2], np.float64)
    for t in range(ids.size):
        forward(parameters, segment, state)
        for k in range(p.size):
            p[k] = P[0, 0, k]
        ids[t] = _likeliest(p)
        if temperature > 0.0:
            largest = p[ids[t]]
            if temperature != 1.0:  # outputs over T give p^(1/T), scaled to sum to 1
                for k in range(p.size):
                    p[k] = exp(log(p[k] / largest) / temperature)
            if top_p < 1.0:
                _keep_nucleus(p, top_p)
            ids[t] = _draw(p, uniforms[t])
        segment.x[0, 0] = ids[t]


@compiled
def _likeliest(p):
    """Return the likeliest character, of equals the first."""
    likeliest = 0
    for k in range(p.size):
        if p[k] > p[likeliest]:
            likeliest = k
    return likeliest


@compiled
def _keep_nucleus(p, top_p):
    """Let the likeliest characters that together reach `top_p` of the whole be the only ones."""
    whole, mass = _sum(p), 0.0
    rest = p.copy()
    for _ in range(p.size):
        if mass < top_p * whole:
            k = _likeliest(rest)
            mass += rest[k]
            rest[k] = -1.0
    for k in range(p.size):
        if rest[k] >= 0.0:
            p[k] = 0.0


@compiled
def _draw(p, uniform):
    """Return the character at which the running sum of `p` passes `uniform` of the whole."""
    whole, reached, last = _sum(p), 0.0, 0
    for k in range(p.size):
        if p[k] > 0.0:
            reached += p[k]
            last = k
            if reached > uniform * whole:
                break
    return last


@compiled
def _sum(p):
    whole = 0.0
    for k in range(p.size):
        whole += p[k]
    return whole
