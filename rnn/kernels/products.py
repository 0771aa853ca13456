r"""Matrix products, made for matrices of the size of a small network.

A general library spends half its time on products of a hundred rows and columns with preparations
that pay for a thousand.  Here C is computed by tiles that stay in the processor's registers while
the sum runs:

.. math:: C_{ij} = \sum_p A_{ip} B_{pj}

For every p, a tile of 5 rows and 2 vectors takes 5 numbers of A, 2 vectors of B and 10 multiplied
and added vectors.  A vector is 32 bytes, 8 float32 or 4 float64.  Rows and columns that remain
after the last whole tile need no code of their own: the last tile begins so early that it ends
where C does, and what it shares with the tile before is computed twice, with the same result.

The tiles are written in the compiler's intermediate language, where a vector is a type.  They are
compiled once, when this module is first imported, and called under a name, as a library's function
is: as part of each compiled function that uses them they would be compiled with each.  Products of
complex numbers, of very small and of large matrices, and all that is not compiled, are `numpy.dot`.
"""

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import cfunc, types
from numba.core import cgutils, config
from numba.extending import intrinsic, overload

import rnn.kernels.compilation  # noqa: F401  (decides where compiled code is kept)

__all__ = ["multiply", "transposed"]

_BYTES = 32  # of a vector: what AVX2 has; other processors take it in parts

# Measured: beyond these OpenBLAS, which cares for the order in which large matrices are read, is
# faster.  So many multiplications; so many bytes of B, where A is a single row.
_LARGEST = 2**21
_LARGEST_FOR_A_ROW = 2**16


def multiply(A: np.ndarray, B: np.ndarray, C: np.ndarray, reverse: bool = False) -> None:
    """Compute ``C = A B``, of shapes (M, P), (P, N) and (M, N).

    B and C lie row after row in memory, A may be the transpose of an array that does; C is filled,
    and shares no memory with the others.  With `reverse` the sum goes from the last p to the first:
    when row after row is multiplied with a B that the nearest cache cannot hold, taking turns
    begins with what it still holds.
    """
    np.dot(A, B, C)


def transposed(A: np.ndarray) -> np.ndarray:
    """Return the transpose of the matrix `A`, row after row in memory of its own."""
    return np.ascontiguousarray(A.T)


@overload(multiply)
def _multiply(A, B, C, reverse=False):
    if C.dtype not in _TYPES:
        return lambda A, B, C, reverse=False: np.dot(A, B, C)
    product = _external("product", C.dtype)
    has_row = A.layout == "C"

    def by_tiles(A, B, C, reverse=False):
        if has_row:  # noqa: SIM102  (alone it is known before the rest is compiled)
            if A.shape[0] == 1 and B.size * B.itemsize > _LARGEST_FOR_A_ROW:
                np.dot(A[0], B, C[0])
                return
        if C.shape[1] * C.itemsize < _BYTES or A.size * B.shape[1] > _LARGEST:
            np.dot(A, B, C)
            return
        product(
            A.ctypes, A.strides[0], A.strides[1], B.ctypes, B.strides[0], C.ctypes, C.strides[0],
            A.shape[0], A.shape[1], B.shape[1], C.itemsize, reverse,
        )  # fmt: skip

    return by_tiles


@overload(transposed)
def _transposed(A):
    transpose = _external("transpose", A.dtype) if A.dtype in _TYPES else None

    def by_squares(A):
        M, N = A.shape
        T = np.empty((N, M), A.dtype)
        side = _BYTES // A.itemsize
        if transpose is not None:  # noqa: SIM102
            if min(M, N) >= side:
                transpose(A.ctypes, A.strides[0], T.ctypes, T.strides[0], M, N, side)
                return T
        for i in range(M):
            for j in range(N):
                T[j, i] = A[i, j]
        return T

    return by_squares


def _product(A, a_row, a_column, B, b_row, C, c_row, M, P, N, itemsize, reverse):
    """Choose the tile.  Strides are in bytes."""
    vectors = -(-N * itemsize // _BYTES)
    if M >= 5:
        _tiles(A, a_row, a_column, B, b_row, C, c_row, M, P, N, reverse, 5, 2)
    # A single row takes a wider tile, of the width by which less is computed twice.
    elif vectors >= 13 and -vectors % 13 <= -vectors % 8:
        _tiles(A, a_row, a_column, B, b_row, C, c_row, M, P, N, reverse, 1, 13)
    elif vectors >= 8:
        _tiles(A, a_row, a_column, B, b_row, C, c_row, M, P, N, reverse, 1, 8)
    elif vectors >= 4:
        _tiles(A, a_row, a_column, B, b_row, C, c_row, M, P, N, reverse, 1, 4)
    else:
        _tiles(A, a_row, a_column, B, b_row, C, c_row, M, P, N, reverse, 1, 1)


def _transpose(A, a_row, T, t_row, M, N, side):
    for j in range(0, N, side):
        for i in range(0, M, side):
            _square(A, a_row, T, t_row, min(i, M - side), min(j, N - side))


class _Matrix:
    """Writes the instructions that read and write a matrix, by vectors along its rows."""

    def __init__(self, builder, dtype, start, row_stride, column_stride=None, offset=None):
        self.builder = builder
        self.number = ir.FloatType() if dtype == types.float32 else ir.DoubleType()
        self.bytes = dtype.bitwidth // 8
        self.lanes = _BYTES // self.bytes
        self.vector = ir.VectorType(self.number, self.lanes)
        self.places = ir.VectorType(ir.IntType(32), self.lanes)
        self.start = builder.bitcast(start, ir.IntType(8).as_pointer())
        if offset is not None:
            self.start = builder.gep(self.start, [offset])
        self.row_stride, self.column_stride = row_stride, column_stride

    def address(self, i, j, stride, kind):
        builder = self.builder
        row = builder.gep(self.start, [builder.mul(i, self.row_stride)])
        return builder.bitcast(builder.gep(row, [builder.mul(j, stride)]), kind.as_pointer())

    def load(self, i, j):
        """Load the vector that begins at [i, j]."""
        vector = self.builder.load(self.address(i, j, j.type(self.bytes), self.vector))
        vector.align = self.bytes
        return vector

    def store(self, vector, i, j):
        """Store the vector that begins at [i, j]."""
        address = self.address(i, j, j.type(self.bytes), self.vector)
        self.builder.store(vector, address).align = self.bytes

    def spread(self, i, j):
        """Load the number at [i, j] into all places of a vector."""
        number = self.builder.load(self.address(i, j, self.column_stride, self.number))
        empty = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(empty, number, ir.IntType(32)(0))
        return self.builder.shuffle_vector(first, empty, self.places([0] * self.lanes))


# A multiplication and the addition after it may become one instruction, with one rounding.
_FUSED = ("contract",)


@intrinsic(prefer_literal=True)
def _tiles(typing, A, a_row, a_column, B, b_row, C, c_row, M, P, N, reverse, rows, vectors):
    """Compute C by tiles of so many rows and vectors."""
    R, V, dtype = rows.literal_value, vectors.literal_value, C.dtype

    def generate(context, builder, signature, arguments):
        A, a_row, a_column, B, b_row, C, c_row, M, P, N, reverse, _, _ = arguments
        builder.function.attributes.add("optsize")  # no loop is unrolled: sums are short
        n = M.type  # makes constants
        add, sub, mul, select = builder.add, builder.sub, builder.mul, builder.select

        def smaller(x, y):
            return select(builder.icmp_signed("<", x, y), x, y)

        # Going from the last p to the first is going from the end with the strides negated.
        first, sign = select(reverse, sub(P, n(1)), n(0)), select(reverse, n(-1), n(1))
        a = _Matrix(builder, dtype, A, a_row, mul(a_column, sign), mul(a_column, first))
        b = _Matrix(builder, dtype, B, mul(b_row, sign), None, mul(b_row, first))
        c = _Matrix(builder, dtype, C, c_row)
        width, last_vector = V * c.lanes, sub(N, n(c.lanes))
        spare = sub(N, n(width))
        last_tile = select(builder.icmp_signed("<", spare, n(0)), n(0), spare)
        sums = [[cgutils.alloca_once(builder, c.vector) for _ in range(V)] for _ in range(R)]

        with cgutils.for_range_slice(builder, n(0), N, n(width)) as (j, _):
            j = smaller(j, last_tile)
            columns = [add(j, n(v * c.lanes)) for v in range(V)]
            columns[-1] = smaller(columns[-1], last_vector)
            with cgutils.for_range_slice(builder, n(0), M, n(R)) as (i, _):
                i = smaller(i, sub(M, n(R)))
                tile = [(add(i, n(r)), list(zip(columns, sums[r], strict=True))) for r in range(R)]
                for _, row in tile:
                    for _, total in row:
                        builder.store(ir.Constant(c.vector, [0.0] * c.lanes), total)
                with cgutils.for_range(builder, P) as loop:
                    parts = [b.load(loop.index, column) for column in columns]
                    for i, row in tile:
                        factor = a.spread(i, loop.index)
                        for part, (_, total) in zip(parts, row, strict=True):
                            term = builder.fmul(factor, part, flags=_FUSED)
                            more = builder.fadd(builder.load(total), term, flags=_FUSED)
                            builder.store(more, total)
                for i, row in tile:
                    for column, total in row:
                        c.store(builder.load(total), i, column)
        return context.get_dummy_value()

    n = types.intp
    return types.void(A, n, n, B, n, C, n, n, n, n, types.boolean, rows, vectors), generate


@intrinsic
def _square(typing, A, a_row, T, t_row, i, j):
    """Transpose the square of A at row i and column j, as wide as a vector."""
    dtype = A.dtype

    def generate(context, builder, signature, arguments):
        A, a_row, T, t_row, i, j = arguments
        a, t = _Matrix(builder, dtype, A, a_row), _Matrix(builder, dtype, T, t_row)
        n = a.lanes
        rows = [a.load(builder.add(i, i.type(r)), j) for r in range(n)]
        # Exchange the off-diagonal quarters of the square, then those of its quarters, and so on.
        half = n // 2
        while half:
            left = [q if not q & half else q - half + n for q in range(n)]
            right = [q + half if not q & half else q + n for q in range(n)]
            for r in range(n):
                if not r & half:
                    pair = rows[r], rows[r + half]
                    rows[r] = builder.shuffle_vector(*pair, a.places(left))
                    rows[r + half] = builder.shuffle_vector(*pair, a.places(right))
            half //= 2
        for r in range(n):
            t.store(rows[r], builder.add(j, j.type(r)), i)
        return context.get_dummy_value()

    n = types.intp
    return types.void(A, n, T, n, n, n), generate


_TYPES = (types.float32, types.float64)
_KERNELS = {"product": _product, "transpose": _transpose}


def _external(name, dtype):
    """Return one of the kernels as compiled code calls it."""
    pointer, n = types.CPointer(dtype), types.intp
    if name == "product":
        arguments = [pointer, n, n, pointer, n, pointer, n, n, n, n, n, types.boolean]
    else:
        arguments = [pointer, n, pointer, n, n, n, n]
    return types.ExternalFunction(f"rnn_{name}_{dtype}", types.void(*arguments))


_compiled = []  # lives as long as the addresses below are used
if not config.DISABLE_JIT:
    for _name, _kernel in _KERNELS.items():
        for _dtype in _TYPES:
            _function = _external(_name, _dtype)
            _compiled.append(cfunc(_function.sig, cache=True, error_model="numpy")(_kernel))
            llvmlite.binding.add_symbol(_function.symbol, _compiled[-1].address)
