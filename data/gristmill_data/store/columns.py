"""Columns of values as Arrow arrays, without ``pyarrow.array``: it imports pandas, 0.2 s of every run."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from gristmill_data.store.tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def arrow_column(kind: Column, values: Sequence[Any]) -> pa.Array:
    """One column; None is null. A time is a datetime or microseconds since 1970.

    Raises:
        TypeError, OverflowError: a value is not of this kind.
    """
    import pyarrow as pa

    if kind in ("text", "json"):
        return _texts(values)
    if kind == "texts":
        filled = [value or () for value in values]
        ends = array("i", chain((0,), _sums(filled)))
        offsets = pa.Array.from_buffers(pa.int32(), len(ends), [None, pa.py_buffer(ends)])
        items = _texts(list(chain.from_iterable(filled)))
        return pa.ListArray.from_arrays(offsets, items, mask=_mask(values))
    if kind == "float":
        return _numbers(pa.float64(), "d", values)
    if kind == "int":
        return _numbers(pa.int64(), "q", values)
    return _numbers(pa.timestamp("us"), "q", [_microseconds(value) for value in values])


def _texts(values: Sequence[str | None]) -> pa.Array:
    from pyarrow.lib import StringBuilder

    builder = StringBuilder()
    builder.append_values(values)
    return builder.finish()


def _numbers(kind: pa.DataType, code: str, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    if None not in values:
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(array(code, values))])
    if values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    numbers = array(code, [0 if value is None else value for value in values])
    return pa.Array.from_buffers(kind, len(values), [_valid(values), pa.py_buffer(numbers)])


def _valid(values: Sequence[Any]) -> pa.Buffer:
    """A bit for each value that is there, the first in the lowest place of the first byte."""
    import pyarrow as pa

    bits = bytearray((len(values) + 7) // 8)
    for index, value in enumerate(values):
        if value is not None:
            bits[index >> 3] |= 1 << (index & 7)
    return pa.py_buffer(bytes(bits))


def _mask(values: Sequence[Any]) -> pa.Array | None:
    """True where a value is missing; None when all are there."""
    import pyarrow as pa

    if None not in values:
        return None
    missing = [None if value is not None else 0 for value in values]
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _valid(missing)])


def _sums(lists: Sequence[Sequence[str]]) -> list[int]:
    total, sums = 0, []
    for items in lists:
        total += len(items)
        sums.append(total)
    return sums


def _microseconds(value: datetime | int | None) -> int | None:
    if isinstance(value, datetime):
        return (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND
    return value
