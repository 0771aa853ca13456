"""Vectors of the processor: how code in the compiler's language loads, stores and adds them."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from rnn.kernels.compilation import VECTOR_BYTES

_PARTS = 16  # partial sums, on every processor


class VectorWriter:
    """Writes the instructions that read and write vectors along the rows of matrices."""

    def __init__(self, builder, dtype, lanes=0):
        self.builder = builder
        self.bytes = dtype.bitwidth // 8
        self.lanes = lanes or VECTOR_BYTES // self.bytes
        number = ir.FloatType() if dtype == types.float32 else ir.DoubleType()
        self.vector = ir.VectorType(number, self.lanes)
        self.places = ir.VectorType(ir.IntType(32), self.lanes)
        name = f"llvm.fma.v{self.lanes}f{dtype.bitwidth}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        self.fma = cgutils.get_or_insert_function(builder.module, kind, name)

    def at(self, start, row, row_stride, column):
        """Return the address of an entry; it is aligned for a number alone."""
        offset = self.builder.add(self.builder.mul(row, row_stride), column)
        return self.builder.gep(start, [offset])

    def load(self, address):
        """Load the vector that begins there."""
        vector = self.builder.load(self.builder.bitcast(address, self.vector.as_pointer()))
        vector.align = self.bytes
        return vector

    def store(self, vector, address):
        """Store the vector that begins there."""
        address = self.builder.bitcast(address, self.vector.as_pointer())
        self.builder.store(vector, address).align = self.bytes

    def spread(self, address):
        """Load the number there into all places of a vector."""
        empty = ir.Constant(self.vector, ir.Undefined)
        number = self.builder.load(address)
        first = self.builder.insert_element(empty, number, ir.IntType(32)(0))
        return self.builder.shuffle_vector(first, empty, self.places([0] * self.lanes))


@intrinsic
def first_of(typing, A):
    """Return the address of an array's first entry."""

    def generate(context, builder, signature, arguments):
        return context.make_array(A)(context, builder, arguments[0]).data

    return types.CPointer(A.dtype)(A), generate


def copy(source: Any, target: Any) -> None:
    """Copy an array into another of its shape and type; each lies in one piece in memory."""
    target[...] = source


@overload(copy)
def _copy(source, target):
    if source.dtype != target.dtype:
        return None  # which is told as an error: bytes of one are no numbers of the other
    # Assigning one array to another compiles the text of an error message too, for seconds.
    return lambda source, target: _copy_bytes(source, target)


@intrinsic
def _copy_bytes(typing, source, target):
    def generate(context, builder, signature, arguments):
        source, target = (
            context.make_array(kind)(context, builder, array)
            for kind, array in zip(signature.args, arguments, strict=True)
        )
        cgutils.raw_memcpy(builder, target.data, source.data, source.nitems, source.itemsize)
        return context.get_dummy_value()

    return types.void(source, target), generate


def largest(x: Any) -> Any:
    """Return the largest entry of a vector, or of its real part."""
    return x.real.max()


def total(x: Any) -> Any:
    """Return the sum of the entries of a vector, in an order that depends on its length alone."""
    return x.sum()


@overload(largest)
def _largest(x):
    if isinstance(x.dtype, types.Complex):

        def one_by_one(x):
            most = x[0].real
            for k in range(1, x.size):
                most = x[k].real if x[k].real > most else most
            return most

        return one_by_one

    def by_vectors(x):
        if x.size >= _PARTS:
            return _reduced(x, x.size, True)
        most = x[0]
        for k in range(1, x.size):
            most = x[k] if x[k] > most else most
        return most

    return by_vectors


@overload(total)
def _total(x):
    is_real = x.dtype in (types.float32, types.float64)

    def by_vectors(x):
        if is_real:  # noqa: SIM102  (alone it is known before the rest is compiled)
            if x.size >= _PARTS:
                return _reduced(x, x.size, False)
        sum_ = x[0]
        for k in range(1, x.size):
            sum_ += x[k]
        return sum_

    return by_vectors


@intrinsic(prefer_literal=True)
def _reduced(typing, x, n, to_largest):
    """Reduce n >= 16 numbers to their largest or their sum.

    There are 16 partial results; those of the last 16 numbers that have been taken before are not
    added again.  In the end the halves of what remains are put together, again and again.
    """
    dtype, takes_largest = x.dtype, to_largest.literal_value

    def generate(context, builder, signature, arguments):
        start, n = context.make_array(x)(context, builder, arguments[0]).data, arguments[1]
        write = VectorWriter(builder, dtype, _PARTS)
        parts = cgutils.alloca_once(builder, write.vector)
        zero = ir.Constant(write.vector, [0.0] * _PARTS)

        def take(a, b):
            if takes_largest:
                return builder.select(builder.fcmp_ordered(">", b, a), b, a)
            return builder.fadd(a, b)

        def load(k):
            return write.load(builder.gep(start, [k]))

        builder.store(load(n.type(0)), parts)
        with cgutils.for_range_slice(
            builder, n.type(_PARTS), builder.sub(n, n.type(_PARTS - 1)), n.type(_PARTS)
        ) as (k, _):
            builder.store(take(builder.load(parts), load(k)), parts)
        last = load(builder.sub(n, n.type(_PARTS)))
        if not takes_largest:
            # Of the last 16 numbers the first -n mod 16 have been added.
            taken = builder.trunc(builder.and_(builder.neg(n), n.type(_PARTS - 1)), ir.IntType(32))
            taken = builder.select(
                builder.icmp_signed("==", taken, taken.type(0)), taken.type(_PARTS), taken
            )
            empty = ir.Constant(write.places, ir.Undefined)
            taken = builder.insert_element(empty, taken, taken.type(0))
            taken = builder.shuffle_vector(taken, empty, write.places([0] * _PARTS))
            new = builder.icmp_signed(">=", write.places(list(range(_PARTS))), taken)
            last = builder.select(new, last, zero)
        rest = take(builder.load(parts), last)
        half = _PARTS // 2
        while half:
            upper = write.places([(q + half) % _PARTS for q in range(_PARTS)])
            rest = take(rest, builder.shuffle_vector(rest, rest, upper))
            half //= 2
        return builder.extract_element(rest, ir.IntType(32)(0))

    return dtype(x, types.intp, to_largest), generate
