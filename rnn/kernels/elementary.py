r"""Elementary functions with the same bits on every processor.

Those of the C library and of NumPy differ in the last place from version to version and from
processor to processor.  Here each is a polynomial after an exact reduction, in additions,
multiplications, divisions, square roots and fused multiply-adds, all of which IEEE 754 defines to
the last bit.  They take one number; a compiled loop over an array of them is one over vectors.
They are within three units of the last place over the whole range (`sigmoid` where it is not
subnormal, else it may be 0), and NaN stays NaN.

Uncompiled they are the same operations, except that a fused multiply-add is rounded twice.
"""

import math
from decimal import Decimal
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from rnn.kernels.compilation import compiled, pointwise


def fma(x: Any, y: Any, z: Any) -> Any:
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


def flush_subnormals(flush: bool) -> bool:
    """Have compiled code count subnormal numbers as zero, or not; return whether it did before.

    A processor takes a hundred times longer for a subnormal number than for another one, and a
    network whose gates are shut computes with many.  This holds for the thread; whoever sets it
    sets it back.  Uncompiled code, and a processor that is not of the x86-64 or Arm kind, computes
    with them.  A result that only rounding makes the smallest normal number, as it is at most
    2^-25 of it below (2^-54 in float64), is that number on x86-64 and zero on Arm.
    """
    return False


@overload(flush_subnormals)
def _flush_subnormals(flush):
    return lambda flush: _set_flushing(flush)


@intrinsic
def _set_flushing(typing_context, flush):
    kind = llvmlite.binding.get_default_triple().partition("-")[0]

    def generate(context, builder, signature, arguments):
        if kind == "x86_64":
            word, bits = ir.IntType(32), 0x8040  # of MXCSR, for results and for operands
            place = builder.alloca(word)
            argument = [builder.bitcast(place, ir.IntType(8).as_pointer())]
            _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), argument)
            before = builder.load(place)
        elif kind in ("aarch64", "arm64"):
            word, bits = ir.IntType(64), 1 << 24  # of FPCR
            before = _call(builder, "llvm.aarch64.get.fpcr", word, [])
        else:
            return ir.IntType(1)(0)
        after = builder.select(
            arguments[0], builder.or_(before, word(bits)), builder.and_(before, word(~bits))
        )
        if kind == "x86_64":
            builder.store(after, place)
            _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), argument)
        else:
            _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), [after])
        return builder.icmp_unsigned("!=", builder.and_(before, word(bits)), word(0))

    return types.boolean(types.boolean), generate


def _call(builder, name, kind, arguments):
    """Call one of LLVM's own functions."""
    function = ir.FunctionType(kind, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), arguments)


def exp(x: Any) -> Any:
    """Return the exponential of a float32, float64 or complex128."""
    return _EXP[np.dtype(type(x)).name](x)


def log(x: Any) -> Any:
    """Return the natural logarithm of a float32, float64, or complex128 with a real part > 0."""
    return _LOG[np.dtype(type(x)).name](x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of a float32, float64 or complex128."""
    return _TANH[np.dtype(type(x)).name](x)


def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))`` of a float32, float64 or complex128."""
    return _SIGMOID[np.dtype(type(x)).name](x)


def inverse_sqrt(x: Any) -> Any:
    """Return ``1 / sqrt(x)`` of a float32 or float64 that is positive and not subnormal."""
    return _INVERSE_SQRT[np.dtype(type(x)).name](x)


# e^x = 2^n e^r with |r| <= ln(2)/2, where e^r - 1 is its Taylor series.  The first part of ln(2)
# has few enough digits for its product with n to be exact.
_LN2 = Decimal(2).ln()
_HIGH64 = round(_LN2 * 2**32) / 2**32
_LOW64 = float(_LN2 - Decimal(_HIGH64))
_PER_LN2_64 = float(1 / _LN2)
_HIGH32 = np.float32(355 / 512)
_LOW32 = np.float32(_LN2 - Decimal(355) / 512)
_PER_LN2_32 = np.float32(1 / _LN2)
_E2, _E3, _E4, _E5, _E6, _E7 = (np.float32(1 / math.factorial(k)) for k in range(2, 8))
_D2, _D3, _D4, _D5, _D6, _D7, _D8, _D9, _D10, _D11, _D12, _D13 = (
    1 / math.factorial(k) for k in range(2, 14)
)
_ONE, _TWO = np.float32(1), np.float32(2)

# Adding one of these to a number rounds it to a whole n: the bits of the sum, as an integer, are
# those of the constant plus n.
_SHIFT32, _SHIFT64 = np.float32(1.5 * 2**23), np.float64(1.5 * 2**52)
_SHIFT32_BITS, _SHIFT64_BITS = _SHIFT32.view(np.int32), _SHIFT64.view(np.int64)


@pointwise
def _parts32(x):
    """Split ``e^x`` into n and ``e^r - 1``."""
    shifted = np.float32(fma(x, _PER_LN2_32, _SHIFT32))
    n = shifted - _SHIFT32
    r = fma(n, -_LOW32, fma(n, -_HIGH32, x))
    series = fma(r, fma(r, fma(r, fma(r, fma(r, _E7, _E6), _E5), _E4), _E3), _E2)
    return np.int32(shifted.view(np.int32) - _SHIFT32_BITS), fma(r * r, series, r)


@pointwise
def _parts64(x):
    shifted = np.float64(fma(x, _PER_LN2_64, _SHIFT64))
    n = shifted - _SHIFT64
    r = fma(n, -_LOW64, fma(n, -_HIGH64, x))
    series = fma(r, fma(r, fma(r, fma(r, _D13, _D12), _D11), _D10), _D9)
    series = fma(r, fma(r, fma(r, fma(r, series, _D8), _D7), _D6), _D5)
    series = fma(r, fma(r, fma(r, series, _D4), _D3), _D2)
    return np.int64(shifted.view(np.int64) - _SHIFT64_BITS), fma(r * r, series, r)


@pointwise
def _two_to32(n):
    return np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@pointwise
def _two_to64(n):
    return np.int64((n + np.int64(1023)) << np.int64(52)).view(np.float64)


@pointwise
def _within(x, lowest, highest):
    """Bring a number between two others; NaN becomes one of them."""
    x = x if x < highest else highest
    return x if x > lowest else lowest


@pointwise
def _exp32(x):
    n, rest = _parts32(_within(x, np.float32(-104), np.float32(89)))
    half = n >> np.int32(1)  # in two steps, as 2^n need not be a float32 where e^x is
    power = _two_to32(half)
    y = fma(power, rest, power) * _two_to32(np.int32(n - half))
    return y if x == x else x


@pointwise
def _exp64(x):
    n, rest = _parts64(_within(x, -746.0, 710.0))
    half = n >> np.int64(1)
    power = _two_to64(half)
    y = fma(power, rest, power) * _two_to64(n - half)
    return y if x == x else x


@pointwise
def _exp_complex(z):
    size = _exp64(z.real)
    cosine, sine = cos_sin(z.imag)
    return complex(size * cosine, size * sine)


# tanh(x) = q / (q + 2) with q = e^2x - 1; beyond these it is 1 to the last bit.
@pointwise
def _tanh32(x):
    n, rest = _parts32(_within(_TWO * x, np.float32(-20), np.float32(20)))
    power = _two_to32(n)
    q = fma(power, rest, power - _ONE)
    return q / (q + _TWO) if x == x else x


@pointwise
def _tanh64(x):
    _, q = _power_and_less_1(2.0 * x)
    return q / (q + 2.0) if x == x else x


@pointwise
def _power_and_less_1(x):
    """Return ``e^x`` and ``e^x - 1``, for |x| <= 40."""
    n, rest = _parts64(_within(x, -40.0, 40.0))
    power = _two_to64(n)
    return fma(power, rest, power), fma(power, rest, power - 1.0)


@pointwise
def _tanh_complex(z):
    power, q = _power_and_less_1(2.0 * z.real)
    cosine, sine = cos_sin(z.imag)
    # a + b i = e^2z - 1, to be divided by itself plus 2
    a, b = q - 2.0 * (sine * sine) * power, 2.0 * (sine * cosine) * power
    size = (a + 2.0) * (a + 2.0) + b * b
    return complex((a * (a + 2.0) + b * b) / size, 2.0 * b / size) if z.real == z.real else z


@pointwise
def _sigmoid32(x):
    return _ONE / (_ONE + _exp32(-x))


@pointwise
def _sigmoid64(x):
    return 1.0 / (1.0 + _exp64(-x))


@pointwise
def _sigmoid_complex(z):
    # Where e^-z is larger than any number its inverse is none.
    half = _tanh_complex(complex(0.5 * z.real, 0.5 * z.imag))
    return complex(0.5 + 0.5 * half.real, 0.5 * half.imag)


# log(x) = n log(2) + log(1 + f) with x = 2^n (1 + f) between sqrt(1/2) and sqrt(2), and
# log(1 + f) = f - s (f - 2 (s^2/3 + s^4/5 + ...)) with s = f / (2 + f).
_L3, _L5, _L7, _L9, _L11 = (np.float32(2 / k) for k in range(3, 12, 2))
_M3, _M5, _M7, _M9, _M11, _M13, _M15, _M17, _M19, _M21 = (2 / k for k in range(3, 22, 2))
_SMALLEST32, _SMALLEST64 = np.float32(2.0**-126), 2.0**-1022
_ROOT32 = np.float32(math.sqrt(0.5)).view(np.int32)
_ROOT64 = np.float64(math.sqrt(0.5)).view(np.int64)


@pointwise
def _log32(x):
    normal = x if x >= _SMALLEST32 else x * np.float32(2.0**25)
    bits = np.float32(normal).view(np.int32)
    n = np.int32((bits - _ROOT32) >> np.int32(23))
    f = np.int32(bits - np.int32(n << np.int32(23))).view(np.float32) - _ONE
    powers = np.float32(n) if x >= _SMALLEST32 else np.float32(n) - np.float32(25)
    s = f / (_TWO + f)
    z = s * s
    series = z * fma(z, fma(z, fma(z, fma(z, _L11, _L9), _L7), _L5), _L3)
    y = fma(powers, _HIGH32, f - fma(s, f - series, -powers * _LOW32))
    y = y if x > 0 else np.float32(-np.inf if x == 0 else np.nan)
    return y if x < np.inf else x


@pointwise
def _log64(x):
    normal = x if x >= _SMALLEST64 else x * 2.0**54
    bits = np.float64(normal).view(np.int64)
    n = np.int64((bits - _ROOT64) >> np.int64(52))
    f = np.int64(bits - np.int64(n << np.int64(52))).view(np.float64) - 1.0
    powers = np.float64(n) if x >= _SMALLEST64 else np.float64(n) - 54.0
    s = f / (2.0 + f)
    z = s * s
    series = fma(z, fma(z, fma(z, fma(z, fma(z, _M21, _M19), _M17), _M15), _M13), _M11)
    series = z * fma(z, fma(z, fma(z, fma(z, series, _M9), _M7), _M5), _M3)
    y = fma(powers, _HIGH64, f - fma(s, f - series, -powers * _LOW64))
    y = y if x > 0 else (-np.inf if x == 0 else np.nan)
    return y if x < np.inf else x


@pointwise
def _log_complex(z):
    # The angle is arctan(q), by one step from a rough guess: arctan(q) - a = arctan(d).
    q = z.imag / z.real
    t = q if abs(q) <= 1.0 else 1.0 / q
    cosine, sine = cos_sin(t / (1.0 + 0.28 * (t * t)))
    d = (t * cosine - sine) / (cosine + t * sine)
    angle = t / (1.0 + 0.28 * (t * t)) + (d - d * d * d * (1 / 3 - 0.2 * (d * d)))
    if abs(q) > 1.0:
        angle = (_QUARTER if q > 0 else -_QUARTER) - angle
    return complex(_log64(z.real) + 0.5 * _log64(1.0 + q * q), angle)


# y = n pi/2 + r with |r| <= pi/4, where cosine and sine are their Taylor series.
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582")
_QUARTER = float(_PI / 2)
_QUARTER_REST = float(_PI / 2 - Decimal(_QUARTER))
_PER_QUARTER = float(2 / _PI)
_FARTHEST = 2.0**20  # from here on r would be less exact


@pointwise
def cos_sin(y):
    """Return cosine and sine of a float64 up to 2^20; those of larger ones are NaN."""
    near = _within(y, -_FARTHEST, _FARTHEST)
    n = np.floor(fma(near, _PER_QUARTER, 0.5))
    r = fma(n, -_QUARTER_REST, fma(n, -_QUARTER, near))
    z = -(r * r)
    c = fma(z, fma(z, fma(z, fma(z, _C16, _C14), _C12), _C10), _C8)
    c = fma(z, fma(z, fma(z, fma(z, c, _C6), _C4), 0.5), 1.0)
    s = fma(z, fma(z, fma(z, fma(z, _C17, _C15), _C13), _C11), _C9)
    s = fma(r * z, fma(z, fma(z, fma(z, s, _C7), _C5), _C3), r)
    quarter = np.int64(n) & np.int64(3)
    c, s = (s, c) if quarter & 1 else (c, s)
    c = -c if quarter == 1 or quarter == 2 else c
    s = -s if quarter >= 2 else s
    return (c, s) if abs(y) <= _FARTHEST else (np.nan, np.nan)


_C3, _C5, _C7, _C9, _C11, _C13, _C15, _C17 = (1 / math.factorial(k) for k in range(3, 18, 2))
_C4, _C6, _C8, _C10, _C12, _C14, _C16 = (1 / math.factorial(k) for k in range(4, 17, 2))


# 1/sqrt(x) = y / sqrt(1 - r), where y is a guess with half the exponent, right to 3.5%, and
# r = 1 - x y^2 lies between -0.0691 and 0.0676.  A polynomial that is 1 at r = 0 takes the place of
# 1/sqrt(1 - r): in float32 of degree 4, with errors of at most 2.6e-8 there; in float64 of degree 3
# (1.2e-6), before the beginning of the series does for what is left of r.
_R1, _R2, _R3, _R4 = map(np.float32, (0.49999835, 0.37500169, 0.31393306, 0.27364157))
_Q1, _Q2, _Q3 = 0.49999891, 0.37611388, 0.31381829


@pointwise
def _inverse_sqrt32(x):
    y = np.int32(np.int32(0x5F3759DF) - (np.float32(x).view(np.int32) >> np.int32(1)))
    y = y.view(np.float32)
    r = fma(-x * y, y, _ONE)
    y = fma(y * r, fma(r, fma(r, fma(r, _R4, _R3), _R2), _R1), y)
    return y if x != np.inf else np.float32(0)


@pointwise
def _inverse_sqrt64(x):
    y = np.int64(np.int64(0x5FE6EB50C7B537A9) - (np.float64(x).view(np.int64) >> np.int64(1)))
    y = y.view(np.float64)
    r = fma(-x * y, y, 1.0)
    y = fma(y * r, fma(r, fma(r, _Q3, _Q2), _Q1), y)
    r = fma(-x * y, y, 1.0)
    y = fma(y * r, fma(r, 0.375, 0.5), y)
    return y if x != np.inf else 0.0


@compiled
def power(x, n):
    """Return ``x^n`` for a float64 and an integer n >= 0, by squaring."""
    y = 1.0
    while n > 0:
        if n & 1:
            y *= x
        x *= x
        n >>= 1
    return y


@compiled
def logarithms(x):
    """Return the natural logarithms of a vector of float64."""
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = log(x[i])
    return y


@compiled
def cosines(x):
    """Return the cosines of a vector of float64 up to 2^20."""
    y = np.empty_like(x)
    for i in range(x.size):
        y[i], _ = cos_sin(x[i])
    return y


@compiled
def normals(uniforms):
    """Make numbers of the standard normal distribution, (n,), from uniform ones in [0, 1), (2, n).

    Notes
    -----
    Box and Muller (1958), Annals of Mathematical Statistics 29(2); the cosine's half of it.
    """
    numbers = np.empty(uniforms.shape[1], np.float64)
    for i in range(numbers.size):
        cosine, _ = cos_sin(2.0 * _PI64 * uniforms[1, i])
        numbers[i] = np.sqrt(-2.0 * log(1.0 - uniforms[0, i])) * cosine
    return numbers


_PI64 = float(_PI)
_EXP = {"float32": _exp32, "float64": _exp64, "complex128": _exp_complex}
_LOG = {"float32": _log32, "float64": _log64, "complex128": _log_complex}
_TANH = {"float32": _tanh32, "float64": _tanh64, "complex128": _tanh_complex}
_SIGMOID = {"float32": _sigmoid32, "float64": _sigmoid64, "complex128": _sigmoid_complex}
_INVERSE_SQRT = {"float32": _inverse_sqrt32, "float64": _inverse_sqrt64}


def _by_type(function, kinds):
    """Let compiled code call, under the name of a function, the one for the type of its number."""
    options = {"error_model": "numpy", "forceinline": True}
    overload(function, options, strict=False)(lambda x: getattr(kinds.get(str(x)), "py_func", None))


for _function, _kinds in (
    (exp, _EXP),
    (log, _LOG),
    (tanh, _TANH),
    (sigmoid, _SIGMOID),
    (inverse_sqrt, _INVERSE_SQRT),
):
    _by_type(_function, _kinds)
