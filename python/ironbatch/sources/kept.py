"""What is kept of data on disk: the chunks and row groups that were read lately."""

from __future__ import annotations

from itertools import count

from ironbatch.formats.table_cache import TableCache
from ironbatch.sources.limits import bytes_of, bytes_of_environment

__all__ = ["chunk_limit", "kept", "new_token", "set_chunk_limit"]

_MANY = 1 << 20

_set = bytes_of_environment("IRONBATCH_CHUNK_BYTES")
#: Keys are tuples that begin with a token of the array or table.
kept = TableCache(_MANY, 1 << 28 if _set is None else _set, least=2)
_tokens = count()


def set_chunk_limit(nbytes: int) -> None:
    """Say how many bytes of chunks and row groups that were read are kept, over all arrays.

    Parameters
    ----------
    nbytes : int
        256 MiB unless the environment variable ``IRONBATCH_CHUNK_BYTES`` says otherwise. A batch
        whose chunks would take more than half of it is read row by row and keeps nothing. Row
        groups of Parquet can only be read as a whole: the two used last are kept however large.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is negative, or no whole number.
    """
    kept.set_limit(bytes_of(nbytes, "the limit of chunks"))


def chunk_limit() -> int:
    """Give the limit that `set_chunk_limit` sets, in bytes."""
    return kept.max_bytes


def new_token() -> int:
    """Give what the keys of an array or table begin with in `kept`."""
    return next(_tokens)
