"""How the math is compiled: a decorator, in three variants.

Everything decorated with one of them is ordinary Python on NumPy arrays.  Numba compiles it on
the first call and keeps the machine code beside the sources, in a folder named after what they
compute, so that code compiled from other sources is never used.  Set ``NUMBA_DISABLE_JIT=1`` to
run the same source uncompiled, line by line, under a debugger.
"""

import ast
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numba

# The BLAS that compiled code calls: loaded here, so that its threads can be limited from the start.
import scipy.linalg.cython_blas  # noqa: F401

__all__ = ["SOURCE_DIGEST", "as_written", "compiled", "digest_of_code", "inlined"]

_kernels = Path(__file__).parent


class _Computation(ast.NodeTransformer):
    """Leaves of a source what it computes: no docstrings, no messages of errors."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return ast.Pass() if isinstance(node.value, ast.Constant) else node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.Raise()


def digest_of_code(sources: Iterable[str]) -> str:
    """Return a digest of what sources compute; comments, docstrings and messages do not count."""
    trees = (_Computation().visit(ast.parse(source)) for source in sources)
    return hashlib.sha256("".join(map(ast.dump, trees)).encode()).hexdigest()[:16]


#: Identifies the math and the kernels: what was computed by other sources is not mixed in.
SOURCE_DIGEST = digest_of_code(
    path.read_text(encoding="utf-8")
    for folder in (_kernels, _kernels.parent)
    for path in sorted(folder.glob("*.py"))
)

# Numba looks at the file of the function alone; a change in a function it calls goes unnoticed.
if "NUMBA_CACHE_DIR" not in os.environ and os.access(_kernels, os.W_OK):
    numba.config.CACHE_DIR = str(_kernels / "__pycache__" / f"numba-{SOURCE_DIGEST}")

_options = {"cache": True, "nogil": True, "error_model": "numpy"}

# All of fast math but 'nnan' and 'ninf': a loss that is NaN must be noticed.
_fast = {"reassoc", "contract", "arcp", "nsz", "afn"}
compiled = numba.njit(fastmath=_fast, **_options)

#: The same for a small function inside a loop: it becomes a part of the function that calls it.
inlined = numba.njit(fastmath=_fast, inline="always", **_options)

#: For arithmetic that is done as it is written.  What is left to the compiler, the order of a sum
#: and which product is fused with it, would depend on whether this process has compiled it.
as_written = numba.njit(fastmath={"nsz"}, **_options)
