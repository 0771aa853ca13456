r"""Matrix products, made for matrices of the size of a small network.

A general library spends half its time on products of a hundred rows and columns with preparations
that pay for a thousand, and the order of its sums differs from processor to processor.  Here C is
computed by tiles that stay in the processor's registers while the sum runs:

.. math:: C_{ij} = \sum_p A_{ip} B_{pj}

For every p, a tile of some rows and vectors takes a number of A for each row and its vectors of B,
and adds their products with fused multiply-adds.  Each entry is a sum in the order of p, whatever
the tile and the width of a vector: the result has the same bits on every processor.  Rows and
columns that remain after the last whole tile need no code of their own: the last tile begins so
early that it ends where C does, and what it shares with the tile before is computed twice.

Where row after row is multiplied with one matrix, that matrix is laid out in `panels`, in the order
in which it is read.

The tiles are written in the compiler's intermediate language, where a vector is a type.  Without
compilation, products are those of `numpy.dot`.
"""

from itertools import product
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic, overload

from rnn.kernels.compilation import VECTOR_BYTES, compiled, pointwise, separate
from rnn.kernels.elementary import fma
from rnn.kernels.vectors import VectorWriter, first_of


def multiply(
    A: np.ndarray, B: np.ndarray, C: Any, reverse: bool = False, plus: np.ndarray | None = None
) -> None:
    """Compute ``C = A B``, of shapes (M, P), (P, N) and (M, N), or ``C = A B + plus``.

    `plus` is (M, N), or (1, N) for a row that is added to every one.  B, C and `plus` lie row after
    row in memory, and A may also be the transpose of an array that does.  C is filled and shares no
    memory with the others, or it has a method ``take(A, B)`` that uses the product without storing
    it, as `rnn.optimizers.Descent` has.  B may be laid out in `panels`, and is then taken from the
    last to the first with `reverse`: when row after row is multiplied with a B that a cache cannot
    hold, taking turns begins with what it still holds.
    """
    if isinstance(C, np.ndarray):
        C[...] = np.dot(A, B[0] if B.ndim == 3 else B) + (0 if plus is None else plus)
    else:
        C.take(A, B)


def panels(M: int, shape: tuple[int, int, int], dtype: Any) -> np.ndarray:
    """Make room for matrices that matrices of M rows are to be multiplied with.

    For a `shape` (L, P, N) it is (L, panels, P, width): a panel is some columns, row after row, and
    rows begin where a vector may.  The last vector begins so early that it ends where the matrix
    does; what is left of its panel is neither filled nor read.

    A single row takes a panel as fast as the nearest cache gives it.  Two panels that fit there by
    themselves are therefore better than one that does not, and a last vector of few columns is a
    short one; all of these lie behind the rows of the others.
    """
    L, P, N = shape
    size = np.dtype(dtype).itemsize
    lanes = VECTOR_BYTES // size
    if np.dtype(dtype).kind != "f" or lanes > N or config.DISABLE_JIT:
        return np.zeros((L, 1, P, N), dtype)
    vectors, rest, short = -(-N // lanes), (N - 1) % lanes + 1, _SHORT_BYTES // size
    number = -(-vectors // _SHAPES[_rows(M)])
    if M == number == 1 and _NEAREST_CACHE < P * N * size <= 2 * _NEAREST_CACHE:
        number = 2
    width = -(-vectors // number) * lanes
    if M == number == 1 and rest <= short and lanes <= P:
        width = N - rest + short
    memory = np.zeros(L * number * P * width + 64 // size, dtype)
    begin = -memory.ctypes.data % 64 // size
    return memory[begin : begin + L * number * P * width].reshape(L, number, P, width)


def lay_out(B: np.ndarray, room: np.ndarray, transpose: bool) -> None:
    """Fill the room of `panels` with a matrix, or with its transpose."""
    room[0] = B.T if transpose else B


# -- From here on for compiled code: calls of the kernels, ...


# Inlined: a function in between would be given its arrays by way of memory, at every step.
@overload(multiply, {"forceinline": True})
def _multiply(A, B, C, reverse=False, plus=None):
    if not isinstance(C, types.Array):
        return None
    in_panels, adds = B.ndim == 3, isinstance(plus, types.Array)
    size, is_real = C.dtype.bitwidth // 8, C.dtype in _TYPES

    def by_parts(A, B, C, reverse=False, plus=None):
        if in_panels:
            _multiply_complex(A, B[0], C)
        else:
            _multiply_complex(A, B, C)
        if adds:
            for i in range(C.shape[0]):
                for j in range(C.shape[1]):
                    C[i, j] += plus[min(i, plus.shape[0] - 1), j]

    def by_tiles(A, B, C, reverse=False, plus=None):
        more, more_row = first_of(C), 0  # not read unless it `adds`
        if adds:
            more = first_of(plus)
            if plus.shape[0] > 1:  # else the one row is added to every row
                more_row = plus.strides[0] // size
        if in_panels:
            panels, panel, b_row = B.shape[0], B.strides[0] // size, B.shape[2]
        else:
            panels, panel, b_row = 0, 0, B.strides[0] // size
        _product(
            first_of(A), A.strides[0] // size, A.strides[1] // size, first_of(B), b_row,
            first_of(C), C.strides[0] // size, A.shape[0], A.shape[1], C.shape[1],
            panels, panel, bool(reverse), adds, more, more_row,
        )  # fmt: skip

    return by_tiles if is_real else by_parts


@compiled
def _multiply_complex(A, B, C):
    # Rows of complex numbers are rows of real ones, twice as many.
    M, P, N = A.shape[0], A.shape[1], B.shape[1]
    real, imaginary = np.empty((M, P), np.float64), np.empty((M, P), np.float64)
    for i in range(M):
        for p in range(P):
            real[i, p], imaginary[i, p] = A[i, p].real, A[i, p].imag
    by_real, by_imaginary = np.empty((M, 2 * N), np.float64), np.empty((M, 2 * N), np.float64)
    multiply(real, B.view(np.float64), by_real)
    multiply(imaginary, B.view(np.float64), by_imaginary)
    for i in range(M):
        for j in range(N):
            re = by_real[i, 2 * j] - by_imaginary[i, 2 * j + 1]
            C[i, j] = complex(re, by_real[i, 2 * j + 1] + by_imaginary[i, 2 * j])


@overload(lay_out)
def _lay_out(B, room, transpose):
    by_vectors, size = B.dtype in _TYPES, B.dtype.bitwidth // 8

    def vector_by_vector(B, room, transpose):
        _, P, width = room.shape
        N = B.shape[0] if transpose else B.shape[1]
        if by_vectors:
            row = B.strides[0] // size
            _arrange(first_of(B), row, first_of(room), P, width, N, bool(transpose))
        else:
            for p in range(P):
                for i in range(N):
                    room[0, p, i] = B[i, p] if transpose else B[p, i]

    return vector_by_vector


# -- ... the kernels, whose strides count numbers, ...

_TYPES = (types.float32, types.float64)

#: The shapes of tiles: how many vectors for so many rows, at most.  They fill the registers, of
#: which there are 32 where vectors have 64 bytes, else 16.
_SHAPES = {1: 14, 2: 8, 5: 4, 8: 3} if VECTOR_BYTES == 64 else {1: 13, 2: 5, 5: 2}
_1, _2, _5, _8 = (_SHAPES.get(rows, 0) for rows in (1, 2, 5, 8))

_SHORT_BYTES = 16  # the size of a short vector, which is the last of a row
_NEAREST_CACHE = 46 * 1024  # bytes of it that a panel may fill


@intrinsic
def _lanes(typing, C):
    """Return how many of the numbers of C a vector has."""
    lanes = VECTOR_BYTES * 8 // C.dtype.bitwidth
    return types.intp(C), lambda context, *_: context.get_constant(types.intp, lanes)


@intrinsic
def _zero(typing, C):
    """Return zero, of the type of the numbers of C."""
    return C.dtype(C), lambda context, *_: context.get_constant(C.dtype, 0)


def _rows(M: int) -> int:
    """Choose how many rows tiles have: so many that few rows are computed twice."""
    if _8 > 0 and M >= 8 and 10 * -(-M // 8) * 8 <= 11 * -(-M // 5) * 5:
        return 8
    return 5 if M >= 5 else (2 if M > 1 else 1)


@separate
def _product(
    A, a_row, a_column, B, b_row, C, c_row, M, P, N, panels, b_panel, reverse, adds, plus, plus_row
):
    """Divide C into tiles.  If B has `panels`, there are `b_panel` numbers from one to the next."""
    lanes = _lanes(C)
    if lanes > N:
        for i in range(M):
            for j in range(N):
                sum_ = _zero(C)
                for p in range(P):
                    sum_ = fma(A[i * a_row + p * a_column], B[p * b_row + j], sum_)
                C[i * c_row + j] = sum_ + plus[i * plus_row + j] if adds else sum_
        return
    rows = _choose_rows(M)
    most = _1 if rows == 1 else (_2 if rows == 2 else (_5 if rows == 5 else _8))
    vectors = -(-N // lanes)
    left, pieces = vectors, panels if panels > 0 else -(-vectors // most)
    for piece in range(pieces):
        n = pieces - 1 - piece if reverse and panels > 0 else piece
        if panels > 0:
            j, place = n * b_row, n * b_panel
            width = min(b_row // lanes, vectors - j // lanes)
            if b_row % lanes > 0:  # the last vector is short
                rows, b_row = 0, width * lanes
        else:
            width, j, place = -(-left // (pieces - n)), (vectors - left) * lanes, -1
            left -= width
        _tiles(
            A, a_row, a_column, B, b_row, C, c_row, M, P, N, j, rows, width, place,
            adds, plus, plus_row,
        )  # fmt: skip


_choose_rows = pointwise(_rows)


@separate
def _arrange(B, b_row, T, P, width, N, transpose):
    """Fill panels: their vectors are those columns of the product that `_tiles` puts there."""
    lanes = _lanes(B)
    if min(N, P) < lanes:
        lanes = min(N, lanes)
        for v in range(0, N, lanes):
            column = min(v, N - lanes)
            for p in range(P):
                for i in range(lanes):
                    k = (column + i) * b_row + p if transpose else p * b_row + column + i
                    T[v // width * P * width + p * width + v % width + i] = B[k]
        return
    short = width % lanes
    if short > 0:
        width -= short
        begin, place = N - short, P * width
        if transpose:
            for p in range(0, P, short):
                _square(B, b_row, begin, min(p, P - short), T, short, place, True)
        else:
            for p in range(P):
                for i in range(short):
                    T[place + p * short + i] = B[p * b_row + begin + i]
        N = width
    if not transpose:
        for n in range(-(-N // width)):
            columns = min(width, N - n * width)
            last = (columns - 1) // lanes * lanes
            for p in range(P):
                _copy(B, p * b_row + n * width, T, (n * P + p) * width, last, columns - lanes)
        return
    for v in range(0, N, lanes):
        column, place = min(v, N - lanes), v // width * P * width + v % width
        for p in range(0, P, lanes):
            _square(B, b_row, column, min(p, P - lanes), T, width, place, False)


# -- ... and their innermost parts, in the compiler's language.


@intrinsic
def _tiles(
    typing, A, a_row, a_column, B, b_row, C, c_row, M, P, N, j, rows, width, panel, adds, D, d_row
):
    """Compute the columns of C from j on, by tiles of so many rows and vectors.

    In B they are the same columns or, if `panel` is not negative, a panel: its first number is
    B[panel].  No `rows` mean one row, and one more vector, a short one.
    """
    dtype = C.dtype

    def generate(context, builder, signature, arguments):
        A, a_row, a_column, B, b_row, C, c_row, M, P, N, j, rows, width, panel, adds, D, d_row = (
            arguments
        )
        builder.function.attributes.add("optsize")  # no loop is unrolled: sums are short
        write, n = VectorWriter(builder, dtype), M.type  # n makes constants
        write_short = VectorWriter(builder, dtype, _SHORT_BYTES // write.bytes)
        add, sub, mul, select = builder.add, builder.sub, builder.mul, builder.select
        packed = builder.icmp_signed(">=", panel, n(0))
        B, C, D = (
            builder.gep(B, [select(packed, panel, j)]),
            builder.gep(C, [j]),
            builder.gep(D, [j]),
        )

        def smaller(x, y):
            return select(builder.icmp_signed("<", x, y), x, y)

        def tiles(R, V, write_last):
            # The vectors follow one another; only the last one may begin early, or be short.
            writers = [write] * (V - 1) + [write_last]
            last = n((V - 1) * write.lanes)
            last_of_C = smaller(last, sub(sub(N, n(write_last.lanes)), j))  # may be before j
            last_of_B = select(packed, last, last_of_C)

            def along(row, end):
                others = [builder.gep(row, [n(v * write.lanes)]) for v in range(V - 1)]
                return [*others, builder.gep(row, [end])]

            def places(start, stride):
                rows = (builder.gep(start, [mul(i, stride)]) for i in numbers)
                return [place for row in rows for place in along(row, last_of_C)]

            def zero(writer):
                return ir.Constant(writer.vector, [0.0] * writer.lanes)

            with cgutils.for_range_slice(builder, n(0), M, n(R)) as (i, _):
                first = smaller(i, sub(M, n(R)))
                numbers = [add(first, n(r)) for r in range(R)]
                factors = [builder.gep(A, [mul(i, a_row)]) for i in numbers]
                before = builder.block
                head, body, end = (builder.append_basic_block() for _ in range(3))
                builder.branch(head)
                builder.position_at_end(head)
                p, *sums = (builder.phi(kind) for kind in [n, *[w.vector for w in writers] * R])
                builder.cbranch(builder.icmp_signed("<", p, P), body, end)
                builder.position_at_end(body)
                row = builder.gep(B, [mul(p, b_row)])
                parts_of_B = along(row, last_of_B)
                if write_last is write_short:
                    place = add(mul(P, b_row), mul(p, n(write_short.lanes)))
                    parts_of_B[-1] = builder.gep(B, [place])
                parts = [w.load(place) for w, place in zip(writers, parts_of_B, strict=True)]
                column = mul(p, a_column)
                spread = [
                    {w: w.spread(builder.gep(factor, [column])) for w in dict.fromkeys(writers)}
                    for factor in factors
                ]
                terms = product(spread, zip(writers, parts, strict=True))
                more = [
                    builder.call(w.fma, [factor[w], part, total])
                    for (factor, (w, part)), total in zip(terms, sums, strict=True)
                ]
                for phi, start, step in zip(
                    [p, *sums],
                    [n(0), *map(zero, writers * R)],
                    [add(p, n(1)), *more],
                    strict=True,
                ):
                    phi.add_incoming(start, before)
                    phi.add_incoming(step, body)
                builder.branch(head)
                builder.position_at_end(end)
                C_places = places(C, c_row)
                with builder.if_else(adds) as (adding, plain):
                    with adding:
                        D_places = places(D, d_row)
                        for w, total, place, other in zip(
                            writers * R, sums, C_places, D_places, strict=True
                        ):
                            w.store(builder.fadd(total, w.load(other)), place)
                    with plain:
                        for w, total, place in zip(writers * R, sums, C_places, strict=True):
                            w.store(total, place)

        end = builder.append_basic_block("end")
        choice = builder.switch(add(mul(rows, n(16)), width), end)
        shapes = [(R, V, write) for R, most in _SHAPES.items() for V in range(1, most + 1)]
        shapes += [(0, V, write_short) for V in range(1, _1)]
        for R, V, write_last in shapes:
            block = builder.append_basic_block(f"tiles_{R}_{V}")
            choice.add_case(n(16 * R + V), block)
            builder.position_at_end(block)
            tiles(R or 1, V + (R == 0), write_last)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    n = types.intp
    kinds = [A, n, n, B, n, C, n, n, n, n, n, n, n, n, types.boolean, D, n]
    return types.void(*kinds), generate


@intrinsic
def _copy(typing, A, a, T, t, last, early):
    """Copy a row, vector by vector, from A[a] on to T[t] on.

    The last vector, for T[t + last] on, is read from A[a + early] on, as it may begin early.
    """
    dtype = A.dtype

    def generate(context, builder, signature, arguments):
        A, a, T, t, last, early = arguments
        write, n = VectorWriter(builder, dtype), last.type
        A, T = builder.gep(A, [a]), builder.gep(T, [t])
        with cgutils.for_range_slice(builder, n(0), last, n(write.lanes)) as (k, _):
            write.store(write.load(builder.gep(A, [k])), builder.gep(T, [k]))
        write.store(write.load(builder.gep(A, [early])), builder.gep(T, [last]))
        return context.get_dummy_value()

    n = types.intp
    return types.void(A, n, T, n, n, n), generate


@intrinsic(prefer_literal=True)
def _square(typing, A, a_row, i, j, T, t_row, place, is_short):
    """Transpose a square of A, from row i and column j on, to column `place`.

    It is as wide as a vector, or as a short one.
    """
    dtype = A.dtype

    def generate(context, builder, signature, arguments):
        A, a_row, i, j, T, t_row, place, _ = arguments
        lanes = _SHORT_BYTES * 8 // dtype.bitwidth if is_short.literal_value else 0
        write, add = VectorWriter(builder, dtype, lanes), builder.add
        n = write.lanes
        rows = [write.load(write.at(A, add(i, i.type(r)), a_row, j)) for r in range(n)]
        # Exchange the off-diagonal quarters of the square, then those of its quarters, and so on.
        half = n // 2
        while half:
            left = [q if not q & half else q - half + n for q in range(n)]
            right = [q + half if not q & half else q + n for q in range(n)]
            for r in range(n):
                if not r & half:
                    pair = rows[r], rows[r + half]
                    rows[r] = builder.shuffle_vector(*pair, write.places(left))
                    rows[r + half] = builder.shuffle_vector(*pair, write.places(right))
            half //= 2
        for r in range(n):
            write.store(rows[r], write.at(T, add(j, j.type(r)), t_row, place))
        return context.get_dummy_value()

    n = types.intp
    return types.void(A, n, n, n, T, n, n, is_short), generate
