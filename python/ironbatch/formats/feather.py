"""Format ``feather``: an Arrow table, read and written by pyarrow through pandas."""

from __future__ import annotations

from typing import Any

from ironbatch.extras import need
from ironbatch.formats.registry import register_format
from ironbatch.formats.tables import TableFormat

__all__ = ["Feather"]


@register_format("feather", suffix=".feather")
class Feather(TableFormat):
    """An Arrow table; the options are those of `pandas.read_feather` and `DataFrame.to_feather`."""

    def read_table(self, path: str, **options: Any) -> Any:
        """Read the whole table."""
        need("pyarrow", extra="tables", what="format 'feather'")
        pandas = need("pandas", extra="tables", what="format 'feather'")
        return pandas.read_feather(path, **options)

    def write_table(self, frame: Any, path: str, **options: Any) -> None:
        """Write the whole table."""
        need("pyarrow", extra="tables", what="format 'feather'")
        frame.to_feather(path, **options)
