"""Components: the named columns of a batch, one value an item.

A component is a `Dense` (items of one shape and dtype), a `Ragged` (arrays of differing shapes),
`Strings` or `Bytes`, or a one-dimensional array of Python objects. The functions here take any.
"""

from ironbatch.components.assemble import assemble
from ironbatch.components.component import Component, describe, is_component, named, nbytes
from ironbatch.components.convert import as_component, to_array
from ironbatch.components.dense import Dense
from ironbatch.components.gather import concat, put, take
from ironbatch.components.items import assign, copy, items_of
from ironbatch.components.memory import PoolStats, empty, pool_stats, set_pool_limit, trim_pool
from ironbatch.components.objects import as_objects
from ironbatch.components.ragged import Ragged
from ironbatch.components.sharing import is_shared
from ironbatch.components.strings import Bytes, Strings

__all__ = [
    "Bytes",
    "Component",
    "Dense",
    "PoolStats",
    "Ragged",
    "Strings",
    "as_component",
    "as_objects",
    "assemble",
    "assign",
    "concat",
    "copy",
    "describe",
    "empty",
    "is_component",
    "is_shared",
    "items_of",
    "named",
    "nbytes",
    "pool_stats",
    "put",
    "set_pool_limit",
    "take",
    "to_array",
    "trim_pool",
]
