"""Elementary functions, fast in compiled code: tanh and exp of arrays, fused products.

The C library's float32 tanh and exp take one number at a time, some 10 ns each.  Compiled float32
code uses what a vector unit can do eight at a time instead: ``e^x = 2^n e^r`` with
``|r| <= ln(2)/2``, where the Taylor series needs seven terms for a float32.
"""

from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic, overload

import rnn.kernels.compilation  # noqa: F401  (decides where compiled code is kept)

__all__ = ["exp", "exp_in_place", "fma", "sigmoid", "tanh", "tanh_in_place"]


def fma(x: float, y: float, z: float) -> float:
    """Return ``x y + z``, rounded once in compiled code."""
    return x * y + z


@overload(fma)
def _fma(x, y, z):
    return lambda x, y, z: _llvm_fma(x, y, z)


@intrinsic
def _llvm_fma(typing_context, x, y, z):
    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return x(x, x, x), generate


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of a float32, float64 or complex128."""
    return np.tanh(x)


def exp(x: Any) -> Any:
    """Return the exponential of a float32, float64 or complex128."""
    return np.exp(x)


def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))`` of a float32, float64 or complex128."""
    return 1 / (1 + np.exp(-x))


def tanh_in_place(x: np.ndarray) -> None:
    """Replace every entry of the one-dimensional `x` by its hyperbolic tangent."""
    np.tanh(x, out=x)


def exp_in_place(x: np.ndarray) -> None:
    """Replace every entry of the one-dimensional `x` by its exponential."""
    np.exp(x, out=x)


_INVERSE_LN2 = np.float32(1 / np.log(2))
_LN2_HIGH = np.float32(355 / 512)  # few enough bits for n * _LN2_HIGH to be exact
_LN2_LOW = np.float32(np.log(2) - 355 / 512)
_C2, _C3, _C4, _C5, _C6, _C7 = (np.float32(1 / k) for k in np.cumprod(np.arange(1.0, 8.0))[1:])
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1), np.float32(2)


@intrinsic
def _float32_from_bits(typing_context, bits):
    """Read the 32 bits of an integer as a float32."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(numba.float32))

    return numba.float32(numba.int32), generate


# Without 'reassoc', under which x - n high - n low becomes x - n (high + low): 4 last places lost.
@numba.njit(cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def _power_and_rest(x):
    """Split ``e^x`` into ``2^n`` and ``e^r - 1`` for a float32 `x` within [-87, 87]."""
    n = np.floor(x * _INVERSE_LN2 + _HALF)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    rest = r + r * r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * _C7)))))
    return _float32_from_bits(np.int32((np.int32(n) + np.int32(127)) << np.int32(23))), rest


@overload(exp_in_place)
def _exp_in_place(x):
    def each(x):
        for i in range(x.size):
            x[i] = exp(x[i])

    return each


@overload(tanh_in_place)
def _tanh_in_place(x):
    def each(x):
        for i in range(x.size):
            x[i] = tanh(x[i])

    return each


@overload(exp, jit_options={"forceinline": True})
def _exp(x):
    if x is not numba.float32:
        return lambda x: np.exp(x)
    lowest, highest = np.float32(-87), np.float32(87)

    def fast(x):
        power, rest = _power_and_rest(min(max(x, lowest), highest))
        # The comparison lets a number that is none through, which min and max may not.
        return power + power * rest if x == x else x

    return fast


@overload(tanh, jit_options={"forceinline": True})
def _tanh(x):
    if x is not numba.float32:
        return lambda x: np.tanh(x)
    limit = np.float32(20)

    def fast(x):
        # tanh(x) = (e^2x - 1) / (e^2x + 1), which is 1 to the last bit beyond 10.
        power, rest = _power_and_rest(min(max(_TWO * x, -limit), limit))
        q = power * rest + (power - _ONE)
        return q / (q + _TWO) if x == x else x

    return fast


@overload(sigmoid, jit_options={"forceinline": True})
def _sigmoid(x):
    one = _ONE if x is numba.float32 else 1.0
    return lambda x: one / (one + exp(-x))
