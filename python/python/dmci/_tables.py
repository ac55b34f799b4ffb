"""Tables as columns: of dicts, NumPy's structured arrays, pandas, polars, and whatever speaks a protocol."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dmci._dmci import DmciError

__all__ = ["columns"]

Column = npt.NDArray[np.float64]


def columns(data: Any, left_out: dict[str, str] | None = None) -> dict[str, Column]:
    """The columns of numbers of a table, by name; a number that is missing or masked is NaN.

    A table is a mapping of names to columns, a structured array, a DataFrame of pandas or polars, anything with
    `__arrow_c_stream__` (where pyarrow is installed) or with `__dataframe__`. Columns of a frame that hold anything
    but numbers and booleans are left out, and `left_out` gets what they hold.
    """
    left_out = {} if left_out is None else left_out
    if isinstance(data, Mapping):
        return {str(name): _column(str(name), column) for name, column in data.items()}
    if isinstance(data, np.ndarray) and data.dtype.names is not None:
        return _of_structured(data, left_out)
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return _of_pandas(data, left_out)
    if type(data).__module__.partition(".")[0] == "polars" and hasattr(data, "get_columns"):
        return _of_polars(data, left_out)
    if hasattr(data, "__arrow_c_stream__"):
        found = _of_arrow(data, left_out)
        if found is not None:
            return found
    if hasattr(data, "__dataframe__"):
        return _of_interchange(data.__dataframe__(), left_out)
    if hasattr(data, "to_dict"):
        return columns(data.to_dict())
    raise _refused(
        f"a table is wanted, and this is a `{type(data).__name__}`; give a DataFrame, a dict of columns, "
        "a structured array, or the path of a CSV file"
    )


def _refused(message: str) -> DmciError:
    error = DmciError(message)
    error.kind, error.message, error.line, error.column, error.lane = "data", message, None, None, None
    return error


def _column(name: str, column: Any) -> Column:
    try:
        if isinstance(column, np.ma.MaskedArray):
            column = np.ma.filled(column.astype(np.float64), np.nan)
        numbers = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _refused(f"the column `{name}` is no column of numbers: {error}") from error
    if numbers.ndim != 1:
        raise _refused(f"the column `{name}` has {numbers.ndim} axes; a column has one")
    return numbers


def _put(found: dict[str, Column], name: str, numbers: Column) -> None:
    """Puts a column among others, of which none has its name."""
    if name in found:
        raise _refused(f"the table has two columns `{name}`; call one of them something else")
    found[name] = numbers


def _of_structured(data: npt.NDArray[Any], left_out: dict[str, str]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for name in data.dtype.names or ():
        column = data[name]
        if column.dtype.kind in "biuf":
            found[name] = _column(name, column)
        else:
            left_out[name] = str(column.dtype)
    return found


def _of_pandas(data: Any, left_out: dict[str, str]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for place, name in enumerate(data.columns):
        series = data.iloc[:, place]
        numbers: Column | None = None
        if getattr(series.dtype, "kind", "O") in "biuf":
            numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        elif series.dtype == object and all(isinstance(x, (int, float, np.number)) for x in series.dropna()):
            # What pandas did not see to be numbers.
            numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        if numbers is None:
            left_out[str(name)] = str(series.dtype)
        else:
            _put(found, str(name), numbers)
    return found


def _of_polars(data: Any, left_out: dict[str, str]) -> dict[str, Column]:
    import polars as pl

    found: dict[str, Column] = {}
    for series in data.get_columns():
        if series.dtype.is_numeric() or series.dtype == pl.Boolean:
            found[series.name] = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        else:
            left_out[series.name] = str(series.dtype)
    return found


def _of_arrow(data: Any, left_out: dict[str, str]) -> dict[str, Column] | None:
    try:
        import pyarrow as pa
    except ImportError:
        return None
    table = pa.table(data)
    found: dict[str, Column] = {}
    for name, column in zip(table.column_names, table.columns):
        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            # A float for each, with NaN for null, whatever the chunks.
            numbers = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
            _put(found, name, numbers.cast(pa.float64(), safe=False).to_numpy())
        else:
            left_out[name] = str(kind)
    return found


# The kinds of numbers of the interchange protocol: signed, unsigned, floats, booleans.
_KINDS = {0: "i", 1: "u", 2: "f", 20: "u"}


def _of_interchange(frame: Any, left_out: dict[str, str]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for name in frame.column_names():
        parts = [_part(chunk.get_column_by_name(name)) for chunk in frame.get_chunks()]
        numbers = [part for part in parts if part is not None]
        if numbers and len(numbers) == len(parts):
            _put(found, name, np.concatenate(numbers))
        else:
            left_out[name] = "no numbers"
    return found


def _part(column: Any) -> Column | None:
    kind, bits, _, _ = column.dtype
    if int(kind) not in _KINDS:
        return None
    count, offset = column.size(), column.offset
    buffers = column.get_buffers()
    numbers = _read(buffers["data"], int(kind), bits, offset, count).astype(np.float64)
    how, null = column.describe_null
    if int(how) == 2:
        numbers[numbers == float(null)] = np.nan
    elif int(how) in (3, 4) and buffers["validity"] is not None:
        validity, (flag_kind, flag_bits, _, _) = buffers["validity"]
        flags = _read((validity, None), int(flag_kind), flag_bits, offset, count)
        numbers[flags == null] = np.nan
    return numbers


def _read(buffer: Any, kind: int, bits: int, offset: int, count: int) -> npt.NDArray[Any]:
    memory = buffer[0]
    if memory.bufsize == 0:
        return np.zeros(count)
    raw = (ctypes.c_uint8 * memory.bufsize).from_address(memory.ptr)
    held = np.frombuffer(raw, dtype=np.uint8)
    if bits == 1:
        flags: npt.NDArray[Any] = np.unpackbits(held, bitorder="little")[offset : offset + count]
        return flags
    size = bits // 8
    typed = held[: len(held) // size * size].view(np.dtype(f"{_KINDS[kind]}{size}"))
    # A copy: the memory is the frame's.
    return typed[offset : offset + count].copy()
