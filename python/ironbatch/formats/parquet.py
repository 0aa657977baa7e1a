"""Format ``parquet``: a compressed table of columns, read and written by pyarrow through pandas."""

from __future__ import annotations

from typing import Any

from ironbatch.extras import need
from ironbatch.formats.registry import register_format
from ironbatch.formats.tables import TableFormat

__all__ = ["Parquet"]


@register_format("parquet", suffix=".parquet")
class Parquet(TableFormat):
    """A table of columns; the options are those of `pandas.read_parquet` and `to_parquet`."""

    def read_table(self, path: str, **options: Any) -> Any:
        """Read the whole table."""
        need("pyarrow", extra="tables", what="format 'parquet'")
        pandas = need("pandas", extra="tables", what="format 'parquet'")
        return pandas.read_parquet(path, engine="pyarrow", **options)

    def write_table(self, frame: Any, path: str, **options: Any) -> None:
        """Write the whole table."""
        need("pyarrow", extra="tables", what="format 'parquet'")
        frame.to_parquet(path, engine="pyarrow", index=False, **options)
