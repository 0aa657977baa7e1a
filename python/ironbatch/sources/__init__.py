"""Sources: data of other packages, as rows that batches take.

`Dataset(...)`, ``preloaded=`` and ``load(src=...)`` take NumPy arrays, lists and dicts as they are.
Anything else is shown to the modules of this package, one for each ecosystem. A module recognises
what is its own without importing the package that made it, and gives one of two things:

- `Rows`: one row for each item, which are taken by position: a column, an array on disk;
- `Table`: several of them by name.

A further source is one function, registered with a decorator:

    from ironbatch.sources import Rows, package_of, register_source

    class TrackRows(Rows):
        def __init__(self, tracks):
            self.given = tracks

        def __len__(self):
            return self.given.count

        def take(self, positions, name=None):
            return [self.given.decode(position) for position in positions.tolist()]

    @register_source()
    def tracks(data):
        return TrackRows(data) if package_of(data) == 'tracks' else None

Modules of this package are found when something is asked for that NumPy does not know, so a new one
is a new file and no edit elsewhere.
"""

from ironbatch.sources.base import Rows, Table
from ironbatch.sources.kept import set_chunk_limit
from ironbatch.sources.parquet import ParquetTable
from ironbatch.sources.registry import package_of, register_source, source_of
from ironbatch.sources.room import set_whole_limit

__all__ = [
    "ParquetTable",
    "Rows",
    "Table",
    "package_of",
    "register_source",
    "set_chunk_limit",
    "set_whole_limit",
    "source_of",
]
