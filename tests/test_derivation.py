"""The derivation of the gradients in the first notebook says what the code does."""

import ast
import html
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pypandoc
import pytest
import reference

from rnn.cells import CELLS, GRU, LSTM, Vanilla, name_of
from rnn.gradient_check import complex_step
from rnn.model import (
    Architecture,
    backward,
    empty_segment,
    forward,
    hidden_states_back,
)
from rnn.report.sentences import Sentences

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"

#: The functions that the derivation goes through, with the tables' names for them.
FUNCTIONS = {
    "`backward` in `rnn/model.py`": backward,
    "`hidden_states_back` in `rnn/model.py`": hidden_states_back,
    "`step_back` of `Vanilla` in `rnn/cells.py`": Vanilla.step_back,
    "`step_back` of `GRU` in `rnn/cells.py`": GRU.step_back,
    "`step_back` of `LSTM` in `rnn/cells.py`": LSTM.step_back,
}

#: Lines that the derivation says it leaves out: names and sizes ...
NAMES = {
    "V = parameters.V",
    "dV, dc = gradients.V, gradients.c",
    "y, P, dH = segment.y, segment.P, segment.dH",
    "tau, B, K = P.shape",
    "m = V.shape[1]",
    "x, fresh, mask, dH = segment.x, segment.fresh, segment.mask, segment.dH",
    "gates, blocks = dU.shape[1], gradients.b.shape[1]",
    "first = blocks - gates",
    "dh, before = segment.dh[0], segment.dh[1]",
    "dc = segment.dc",
    "m = H.shape[2]",
    "one = H.dtype.type(1)",
    "dU = gradients.U",
    "tau, B, m = dH.shape",
    "step_back = step_back_of(parameters)",
    "W, dW, db = segment.W_panels[layer], gradients.W[layer], gradients.b[layer]",
    "dZ, H_before, C_before = segment.Z[layer], segment.H_before[layer], segment.C_before[layer]",
    "H, C = segment.H[layer], segment.C[layer]",
    "da = dZ[t, s]",
}
#: ... how W lies in memory ...
LAYOUT = {"lay_out(parameters.W[layer], W, False)"}
#: ... loops whose order is all the same ...
LOOPS = {
    "for t in range(tau):",
    "for s in range(B):",
    "for k in range(K):",
    "for i in range(blocks):",
    "for i in range(gates):",
    "for j in range(m):",
    "for s in range(H.shape[1]):",
    "for s in range(dh.shape[0]):",
    "for i in range(dh.shape[1]):",
}
#: ... and what is done where a document begins.
DOCUMENTS = {"if fresh.size:", "_clear(fresh[t], dh, dc)"}
LEFT_OUT = NAMES | LAYOUT | LOOPS | DOCUMENTS


def prose(notebook: str) -> list[str]:
    """Return the Markdown cells of a notebook."""
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=nbformat.NO_CONVERT).cells
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def derivation(part: str, cell: str, layers: int = 1) -> str:
    """Return a part of the derivation that is not the same for all cells."""
    return Sentences().render("derivation", part, {"cell": cell, "layers": layers})


def tables() -> dict[str, list[str]]:
    """Return the code that stands beside the equations, by the head of its column."""
    found: dict[str, list[str]] = {}
    for cell in [*prose("01_gradient_check"), *(derivation("lines", cell) for cell in CELLS)]:
        for table in re.findall(r"(?:^\|.*\|\n?)+", cell, re.MULTILINE):
            head, _, *rows = [line.strip("|").split(" | ") for line in table.splitlines()]
            assert all(len(row) == 2 for row in rows), table
            found[head[1].strip()] = [row[1].strip() for row in rows]
    return found


def statements(function: Any) -> list[str]:
    """Return a function's statements as they stand, without comments; of blocks the first line."""
    source = textwrap.dedent(inspect.getsource(getattr(function, "py_func", function)))

    def walk(body: list[Any]) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue  # the docstring
            text = ast.get_source_segment(source, node)
            assert text
            yield text.splitlines()[0] if hasattr(node, "body") else text
            yield from walk([*getattr(node, "body", []), *getattr(node, "orelse", [])])

    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef)
    return list(walk(definition.body))


@pytest.mark.parametrize(("head", "least"), list(zip(FUNCTIONS, (6, 6, 1, 6, 6), strict=True)))
def test_every_computing_line_stands_beside_its_equation_in_the_code_s_order(
    head: str, least: int
) -> None:
    computing = [f"`{line}`" for line in statements(FUNCTIONS[head]) if line not in LEFT_OUT]
    assert len(computing) >= least
    assert tables()[head] == computing


def test_the_derivation_is_for_readers_of_the_notebook_and_does_not_lengthen_the_report() -> None:
    path = NOTEBOOKS / "01_gradient_check.ipynb"
    cells = nbformat.read(path, as_version=nbformat.NO_CONVERT).cells
    begin, end = (
        next(i for i, cell in enumerate(cells) if cell.source.startswith(heading))
        for heading in ("## The gradients, step by step", "## The check")
    )
    assert all("standalone" in cell.metadata.get("tags", []) for cell in cells[begin : end + 1])


def test_what_the_derivation_leaves_out_is_in_the_code_and_named_in_the_prose() -> None:
    assert {line for function in FUNCTIONS.values() for line in statements(function)} >= LEFT_OUT
    text = "\n".join(prose("01_gradient_check"))
    assert all(f"`{code}`" in text for code in ("if fresh", "for", "C_before", "dc"))


# ---- The equations ---------------------------------------------------------------------------

m, K, tau, B = 4, 7, 6, 3


@pytest.fixture(scope="module", params=CELLS)
def after(request: pytest.FixtureRequest) -> SimpleNamespace:
    """Go backward once: `P` and `Z` then hold what the derivation calls do_t and da_t."""
    rng = np.random.default_rng(0)
    architecture = Architecture(CELLS[request.param], m, K)
    parameters = architecture.parameters(rng.normal(0, 0.6, architecture.size))
    x, y = rng.integers(K, size=(2, tau, B))
    h0 = rng.uniform(-1, 1, (B, architecture.state_size))
    segment = empty_segment(parameters, x, y)
    gradients = architecture.cell(*map(np.zeros_like, parameters))
    forward(parameters, segment, h0.copy())
    Z = segment.Z[0].copy()
    backward(parameters, segment, gradients, 1 / B)
    return SimpleNamespace(
        W=parameters.W[0], b=parameters.b[0], V=parameters.V, c=parameters.c, U=parameters.U,
        x=x, y=y, h0=h0, do=segment.P, da=segment.Z[0], Z_forward=Z, architecture=architecture,
    )  # fmt: skip


def derivative(after: SimpleNamespace, by: str, shape: tuple[int, ...]) -> np.ndarray:
    """Differentiate the loss, by the complex step, by what is added to a_t, o_t or h_0."""
    cell = after.architecture.cell

    def loss(added: np.ndarray) -> Any:
        extra = {"a": np.zeros((tau, 1)), "o": np.zeros((tau, 1)), "h0": 0}
        extra[by] = added.reshape(shape)
        states = np.split(after.h0, cell.states, axis=1)
        states[0] = states[0] + extra["h0"]
        total = 0.0
        for t in range(tau):
            step = reference.CELLS[name_of(cell)]
            states = step(after.U[after.x[t]], states, after.W, after.b + extra["a"][t])
            o = states[0] @ after.V.T + after.c + extra["o"][t]
            total += np.sum(np.log(np.exp(o).sum(axis=1)) - o[np.arange(B), after.y[t]])
        return total / B

    return complex_step(loss, np.zeros(int(np.prod(shape)))).reshape(shape)


def test_do_is_the_derivative_by_the_outputs(after: SimpleNamespace) -> None:
    expected = derivative(after, "o", (tau, B, K))
    np.testing.assert_allclose(after.do, expected, rtol=1e-11, atol=1e-14)


def test_da_is_the_derivative_by_what_the_cell_is_given(after: SimpleNamespace) -> None:
    expected = derivative(after, "a", after.da.shape)
    np.testing.assert_allclose(after.da, expected, rtol=1e-11, atol=1e-14)


def test_what_truncation_cuts_off_is_the_transpose_of_w_times_the_first_da(
    after: SimpleNamespace,
) -> None:
    expected = derivative(after, "h0", (B, m))
    assert np.abs(expected).min() > 0
    cut_off = after.da[0, :, : len(after.W)] @ after.W
    if after.architecture.cell is GRU:
        cut_off = cut_off + derivative_past_the_gates(after)
    np.testing.assert_allclose(cut_off, expected, rtol=1e-11, atol=1e-14)


def derivative_past_the_gates(after: SimpleNamespace) -> np.ndarray:
    """Return u_1 times dh_1: what reaches h_0 beside a_1."""
    u = after.Z_forward[0, :, 2 * m : 3 * m]
    n = after.Z_forward[0, :, 3 * m :]
    return after.da[0, :, 3 * m :] / (1 - u) / (1 - n * n) * u


# ---- As a code-hosting site shows it ---------------------------------------------------------


def texts(notebook: str) -> list[str]:
    """Return the Markdown of a notebook, and what its sections say of the derivation."""
    parts = ("network", "time", "sums", "layers", "lines") if notebook.startswith("01") else ()
    return prose(notebook) + [derivation(part, cell) for part in parts for cell in CELLS]


@pytest.mark.parametrize("notebook", [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_formulas_survive_a_renderer_that_reads_them_as_markdown_first(notebook: str) -> None:
    for cell in texts(notebook):
        formulas = re.findall(r"\$\$.+?\$\$|\$[^$]+\$", cell, re.DOTALL)
        shown = pypandoc.convert_text(cell, "html", "commonmark+pipe_tables", ["--wrap=preserve"])
        for formula in formulas:
            assert formula in html.unescape(shown)
