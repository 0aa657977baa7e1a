"""Format ``csv``: a text table, read and written by pandas."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from ironbatch.extras import need
from ironbatch.formats.registry import register_format
from ironbatch.formats.tables import TableFormat

__all__ = ["Csv"]


@register_format("csv", suffix=".csv")
class Csv(TableFormat):
    """A text table; the options are those of `pandas.read_csv` and `DataFrame.to_csv`."""

    appends: ClassVar[bool] = True

    def read_table(self, path: str, **options: Any) -> Any:
        """Read the whole table."""
        pandas = need("pandas", extra="tables", what="format 'csv'")
        return pandas.read_csv(path, **options)

    def text_id_options(self, options: dict[str, Any], id_column: Any) -> dict[str, Any]:
        """Keep the leading zeros of ids such as ``007``."""
        dtype = options.get("dtype")
        if dtype is None:
            options["dtype"] = {id_column: str}
        elif isinstance(dtype, dict):
            options["dtype"] = {id_column: str, **dtype}
        return options

    def write_table(self, frame: Any, path: str, **options: Any) -> None:
        """Write the whole table."""
        frame.to_csv(path, index=False, **options)

    def append_table(self, frame: Any, path: str, **options: Any) -> None:
        """Add rows in one write; the header only if the file is new or empty."""
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _lock(handle)
            header = os.fstat(handle).st_size == 0
            text = frame.to_csv(None, index=False, header=header, **options)
            rest = memoryview(text.encode())
            while rest:
                rest = rest[os.write(handle, rest) :]
        finally:
            os.close(handle)


def _lock(handle: int) -> None:
    """Keep other processes from adding rows at the same time, where the system can."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(handle, fcntl.LOCK_EX)
