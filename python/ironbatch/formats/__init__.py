"""Formats: how the components of a batch are loaded and dumped.

`Batch.load` and `Batch.dump` look the format up by name and leave the rest to it. A format is one
class in one file, registered with a decorator:

    import ironbatch as ib

    @ib.formats.register_format("upper", suffix=".txt")
    class UpperText(ib.formats.ItemFormat):
        def read(self, path, **options):
            return path.read_text().lower()

        def write(self, path, item, **options):
            path.write_text(item.upper())

Three base classes do what formats have in common:

- `ItemFormat`: one file for each item, read and written by Python, in threads;
- `TableFormat`: one table whose rows are items, read once and kept;
- `Format`: anything else.

Modules of this package are discovered when the first format is asked for, so a new one is a new
file and no edit elsewhere. Where the file of an item is: see `ironbatch.formats.locations`.
"""

from ironbatch.formats.base import Format
from ironbatch.formats.items import ItemFormat
from ironbatch.formats.load_dump import dump_from, load_into
from ironbatch.formats.registry import extras, get, names, register_format
from ironbatch.formats.tables import TableFormat

__all__ = [
    "Format",
    "ItemFormat",
    "TableFormat",
    "dump_from",
    "extras",
    "get",
    "load_into",
    "names",
    "register_format",
]
