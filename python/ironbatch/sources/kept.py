"""What is kept of data on disk: the chunks and row groups that were read lately."""

from __future__ import annotations

import os
from itertools import count

from ironbatch.formats.table_cache import TableCache

__all__ = ["chunk_limit", "kept", "new_token", "set_chunk_limit"]

_MANY = 1 << 20

#: Keys are tuples that begin with a token of the array or table.
kept = TableCache(_MANY, int(os.environ.get("IRONBATCH_CHUNK_BYTES", 1 << 28)), least=2)
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
    ValueError
        If it is negative.
    """
    if nbytes < 0:
        raise ValueError(f"a limit of chunks is a number of bytes, got {nbytes}")
    kept.set_limit(nbytes)


def chunk_limit() -> int:
    """Give the limit that `set_chunk_limit` sets, in bytes."""
    return kept.max_bytes


def new_token() -> int:
    """Give what the keys of an array or table begin with in `kept`."""
    return next(_tokens)
