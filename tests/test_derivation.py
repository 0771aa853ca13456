"""The derivation of the gradients in the first notebook says what the code does."""

import ast
import html
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pypandoc
import pytest
from rnn.cell import size, views
from rnn.vanilla import Vanilla

from rnn import model, vanilla
from rnn.gradient_check import complex_step
from rnn.model import NO_FRESH, backward, forward

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"

#: The functions that the derivation goes through, with the tables' names for them.
FUNCTIONS = {
    "`backward` in `rnn/model.py`": (model, "backward"),
    "`recur_back` in `rnn/vanilla.py`": (vanilla, "recur_back"),
}

#: Lines that the derivation says it leaves out: names and sizes ...
NAMES = {
    "V = parameters.V",
    "W = parameters.W",
    "dV, dc = gradients.V, gradients.c",
    "dW, dU, db = gradients.W, gradients.U, gradients.b",
    "tau, B = x.shape",
    "K, m = V.shape",
    "m = W.shape[0]",
}
#: ... loops whose order is all the same ...
LOOPS = {
    "for t in range(tau):",
    "for s in range(B):",
    "for k in range(K):",
    "for i in range(m):",
}
#: ... and what is done where a document begins.
DOCUMENTS = {"if fresh.size:", "if fresh[t, s]:", "dh[s] = 0", "H[t, s] = 0"}


def prose(notebook: str) -> list[str]:
    """Return the Markdown cells of a notebook."""
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=nbformat.NO_CONVERT).cells
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def tables() -> dict[str, list[str]]:
    """Return the code that stands beside the equations, by the head of its column."""
    found: dict[str, list[str]] = {}
    for cell in prose("01_gradient_check"):
        for table in re.findall(r"(?:^\|.*\|\n?)+", cell, re.MULTILINE):
            head, _, *rows = [line.strip("|").split(" | ") for line in table.splitlines()]
            assert all(len(row) == 2 for row in rows), table
            found[head[1].strip()] = [row[1].strip() for row in rows]
    return found


def statements(source: str, name: str) -> list[str]:
    """Return a function's statements as they stand, without comments; of blocks the first line."""

    def walk(body: list[Any]) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue  # the docstring
            text = ast.get_source_segment(source, node)
            assert text
            yield text.splitlines()[0] if hasattr(node, "body") else text
            yield from walk([*getattr(node, "body", []), *getattr(node, "orelse", [])])

    (function,) = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    return list(walk(function.body))


@pytest.mark.parametrize("head", FUNCTIONS)
def test_every_computing_line_stands_beside_its_equation_in_the_code_s_order(head: str) -> None:
    module, name = FUNCTIONS[head]
    computing = [
        f"`{line}`"
        for line in statements(inspect.getsource(module), name)
        if line not in NAMES | LOOPS | DOCUMENTS
    ]
    assert len(computing) > 5
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
    lines = {
        line
        for module, name in FUNCTIONS.values()
        for line in statements(inspect.getsource(module), name)
    }
    assert lines >= NAMES | LOOPS | DOCUMENTS
    text = "\n".join(prose("01_gradient_check"))
    assert all(word in text for word in ("`if fresh`", "only name an array or a size", "`for`"))


# ---- The equations ---------------------------------------------------------------------------

m, K, tau, B = 4, 7, 6, 3


@pytest.fixture(scope="module")
def after() -> SimpleNamespace:
    """Go backward once: `P` and `dH` then hold what the derivation calls do_t and da_t."""
    rng = np.random.default_rng(0)
    parameters = views(Vanilla, rng.normal(0, 0.6, size(Vanilla, m, K)), m, K)
    x, y = rng.integers(K, size=(2, tau, B))
    H, P, dH = np.zeros((tau + 1, B, m)), np.empty((tau, B, K)), np.empty((tau, B, m))
    H[0] = h0 = rng.uniform(-1, 1, (B, m))
    gradients = Vanilla(*map(np.zeros_like, parameters))
    forward(parameters, x, y, NO_FRESH, H, P)
    backward(parameters, x, y, NO_FRESH, H, P, dH, gradients, 1 / B)
    return SimpleNamespace(parameters=parameters, x=x, y=y, h0=h0, do=P, da=dH)


def derivative(after: SimpleNamespace, by: str, shape: tuple[int, ...]) -> np.ndarray:
    """Differentiate the loss, by the complex step, by what is added to a_t, o_t or h_0."""
    W, b, V, c, U = after.parameters

    def loss(added: np.ndarray) -> Any:
        extra = {"a": np.zeros((tau, 1)), "o": np.zeros((tau, 1)), "h0": 0}
        extra[by] = added.reshape(shape)
        h, total = after.h0 + extra["h0"], 0.0
        for t in range(tau):
            h = np.tanh(h @ W.T + U[after.x[t]] + b + extra["a"][t])
            o = h @ V.T + c + extra["o"][t]
            total += np.sum(np.log(np.exp(o).sum(axis=1)) - o[np.arange(B), after.y[t]])
        return total / B

    return complex_step(loss, np.zeros(int(np.prod(shape)))).reshape(shape)


def test_do_is_the_derivative_by_the_outputs(after: SimpleNamespace) -> None:
    expected = derivative(after, "o", (tau, B, K))
    np.testing.assert_allclose(after.do, expected, rtol=1e-11, atol=1e-14)


def test_da_is_the_derivative_by_what_tanh_is_taken_of(after: SimpleNamespace) -> None:
    expected = derivative(after, "a", (tau, B, m))
    np.testing.assert_allclose(after.da, expected, rtol=1e-11, atol=1e-14)


def test_what_truncation_cuts_off_is_the_transpose_of_w_times_the_first_da(
    after: SimpleNamespace,
) -> None:
    expected = derivative(after, "h0", (B, m))
    assert np.abs(expected).min() > 0
    np.testing.assert_allclose(after.da[0] @ after.parameters.W, expected, rtol=1e-11, atol=1e-14)


# ---- As a code-hosting site shows it ---------------------------------------------------------


@pytest.mark.parametrize("notebook", [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_formulas_survive_a_renderer_that_reads_them_as_markdown_first(notebook: str) -> None:
    for cell in prose(notebook):
        formulas = re.findall(r"\$\$.+?\$\$|\$[^$]+\$", cell, re.DOTALL)
        shown = pypandoc.convert_text(cell, "html", "commonmark+pipe_tables", ["--wrap=preserve"])
        for formula in formulas:
            assert formula in html.unescape(shown)
