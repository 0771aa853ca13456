"""How the math is compiled: a decorator, in three variants.

Everything decorated with one of them is ordinary Python on NumPy arrays.  Numba compiles it on
the first call and keeps the machine code beside the sources, in a folder named after what they
compute, so that code compiled from other sources is never used.  Set ``NUMBA_DISABLE_JIT=1`` to
run the same source uncompiled, line by line, under a debugger.

Arithmetic is done as it is written.  There is no fast math: what is left to the compiler, the order
of a sum, which product is fused with it, an estimate in place of a square root, would differ from
processor to processor.  Fused multiply-adds are written as such (`rnn.kernels.elementary.fma`).
"""

import ast
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import llvmlite.binding
import numba

__all__ = ["SOURCE_DIGEST", "VECTOR_BYTES", "compiled", "digest_of_code", "inlined", "scalar"]

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

compiled = numba.njit(**_options)

#: The same for a small function inside a loop: it becomes a part of the function that calls it.
inlined = numba.njit(inline="always", **_options)

#: The same for arithmetic on a few numbers: loops over it become loops over vectors.
scalar = numba.njit(forceinline=True, **_options)


# What the processor that is compiled for can do, in LLVM's words.
_features = numba.config.CPU_FEATURES
if _features is None:
    _features = llvmlite.binding.get_host_cpu_features().flatten()

#: The size of the vectors that are computed with; results do not depend on it.
VECTOR_BYTES = 64 if "+avx512f" in _features else 32

if VECTOR_BYTES == 64:
    # By itself the compiler takes half of such a vector, a choice from times of slower ones.
    numba.config.CPU_FEATURES = _features + ",-prefer-256-bit"
