"""How the math is compiled: a decorator, in four variants.

Everything decorated with one of them is ordinary Python on NumPy arrays.  Numba compiles it on
the first call and keeps the machine code beside the sources, in a folder named after what they
compute, so that code compiled from other sources is never used.  Set ``NUMBA_DISABLE_JIT=1`` to
run the same source uncompiled, line by line, under a debugger.

Arithmetic is done as it is written.  There is no fast math: what is left to the compiler, the order
of a sum, which product is fused with it, an estimate in place of a square root, would differ from
processor to processor.  Fused multiply-adds are written as such (`rnn.kernels.elementary.fma`).
Only subnormal numbers count as zero, in the training loop (`rnn.kernels.elementary`).
"""

import ast
import contextlib
import functools
import hashlib
import importlib
import inspect
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, overload, type_callable

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


def _digest_of_files(paths: Iterable[Path]) -> str:
    """Return `digest_of_code` of files, computed anew only if one of them has changed."""
    paths = list(paths)
    stamps = repr(
        [(p.name, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for p in paths if (s := p.stat())]
    )
    kept, known = _kernels / "__pycache__" / "source-digest", ""
    with contextlib.suppress(OSError, ValueError):
        digest, _, known = kept.read_text(encoding="utf-8").partition(" ")
    if known != stamps:
        digest = digest_of_code(path.read_text(encoding="utf-8") for path in paths)
        with contextlib.suppress(OSError):
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(f"{digest} {stamps}", encoding="utf-8")
    return digest


#: Identifies the math and the kernels: what was computed by other sources is not mixed in.
SOURCE_DIGEST = _digest_of_files(
    path for folder in (_kernels, _kernels.parent) for path in sorted(folder.glob("*.py"))
)

# Numba looks at the file of the function alone; a change in a function it calls goes unnoticed.
if "NUMBA_CACHE_DIR" not in os.environ and os.access(_kernels, os.W_OK):
    numba.config.CACHE_DIR = str(_kernels / "__pycache__" / f"numba-{SOURCE_DIGEST}")

# Level 1 vectorises the loops as level 3 does, which takes a fifth longer for no faster code.
# NUMBA_OPT does not count: code of another level would stay in the folder of the machine code.
numba.config.OPT = type(numba.config.OPT)(1)

_options = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}

compiled = numba.njit(_nrt=True, **_options)

#: The same for a small function that makes no arrays: Numba makes it a part of what calls it.
inlined = numba.njit(inline="always", _nrt=False, **_options)

#: For arithmetic on numbers, entry by entry, and loops of it: LLVM makes it a part of the function
#: that calls it, so that a loop over it becomes one over vectors.  It makes no arrays, either.
pointwise = numba.njit(forceinline=True, _nrt=False, **_options)


def of_class(name: str) -> Callable[[Any], Any]:
    """Make a function that returns an attribute of a named tuple's class, compiled or not."""

    def attribute(record: Any) -> Any:
        return getattr(type(record), name)

    @overload(attribute)
    def _attribute(record):
        value = getattr(record.instance_class, name)
        return lambda record: value

    return attribute


_separate: dict[str, Any] = {}  # by name: the compiled function


def separate(function: Callable[..., Any]) -> Any:
    """Compile a large function once for all that call it, Python or other compiled functions.

    A function that calls a `compiled` one contains it, and is compiled with it: what ten others
    call is compiled ten times more.  A separate one is called by the address of its machine code,
    which is looked up at the first call.

    It takes its arguments by position, and must not make arrays of its own: so references to those
    that it is given, and to parts of them, need not be counted, which takes longer than a step of a
    small network.
    """
    if numba.config.DISABLE_JIT:
        return function
    name = f"{function.__module__}.{function.__qualname__}"
    _separate[name] = dispatcher = numba.njit(_nrt=False, **_options)(function)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return dispatcher(*arguments)

    @type_callable(call)
    def _type(context):
        def typer(*arguments):
            kinds = tuple(map(types.unliteral, arguments))
            dispatcher.compile(kinds)
            return dispatcher.overloads[kinds].signature

        typer.pysig = inspect.signature(function)  # type: ignore[attr-defined]
        return typer

    @lower_builtin(call, types.VarArg(types.Any))
    def _generate(context, builder, signature, values):
        convention, python = context.call_conv, context.get_python_api(builder)
        kind = convention.get_function_type(signature.return_type, signature.args).as_pointer()
        place = builder.module.get_unique_name("address")
        place = cgutils.add_global_variable(builder.module, kind, place)
        place.initializer, place.linkage = ir.Constant(kind, None), "internal"
        unknown = cgutils.is_null(builder, builder.load(place))
        with builder.if_then(unknown, likely=False):
            lock = python.gil_ensure()
            look_up = functools.partial(_address, name, signature.args)
            look_up = python.unserialize(python.serialize_object(look_up))
            number = python.call_function_objargs(look_up, ())
            python.decref(look_up)
            with builder.if_then(cgutils.is_null(builder, number), likely=False):
                python.gil_release(lock)
                convention.return_exc(builder)
            builder.store(builder.bitcast(python.long_as_voidptr(number), kind), place)
            python.decref(number)
            python.gil_release(lock)
        status, value = convention.call_function(
            builder, builder.load(place), signature.return_type, signature.args, values
        )
        with builder.if_then(status.is_error, likely=False):
            convention.return_status_propagate(builder, status)
        return value

    return call


def _address(name: str, kinds: tuple[Any, ...]) -> int:
    """Return where the machine code of a separate function begins, for arguments of some types."""
    importlib.import_module(name.partition(".<")[0].rpartition(".")[0])
    _separate[name].compile(kinds)
    found = _separate[name].overloads[kinds]
    return int(found.library.get_pointer_to_function(found.fndesc.llvm_func_name))


# What the processor that is compiled for can do, in LLVM's words.
_features = numba.config.CPU_FEATURES
if _features is None:
    _features = llvmlite.binding.get_host_cpu_features().flatten()

#: The size of the vectors that are computed with; results do not depend on it.
VECTOR_BYTES = 64 if "+avx512f" in _features else 32

if VECTOR_BYTES == 64:
    # By itself the compiler takes half of such a vector, a choice from times of slower ones.
    numba.config.CPU_FEATURES = _features + ",-prefer-256-bit"
