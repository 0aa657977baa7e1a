"""Components: the named columns of a batch, one value an item.

A component is a `Dense` (items of one shape and dtype), a `Ragged` (arrays of differing shapes),
`Strings` or `Bytes`, or a one-dimensional array of Python objects. The functions here take any.
"""

from ironbatch.components.assemble import assemble, stack
from ironbatch.components.component import Component, describe, named, nbytes
from ironbatch.components.convert import as_component, to_array
from ironbatch.components.dense import Dense
from ironbatch.components.gather import concat, take
from ironbatch.components.items import assign, copy, items_of
from ironbatch.components.memory import empty
from ironbatch.components.objects import as_objects
from ironbatch.components.ragged import Ragged
from ironbatch.components.sharing import is_shared
from ironbatch.components.strings import Bytes, Strings

__all__ = [
    "Bytes",
    "Component",
    "Dense",
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
    "is_shared",
    "items_of",
    "named",
    "nbytes",
    "stack",
    "take",
    "to_array",
]
