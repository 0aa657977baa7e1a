"""The number of rows of arrays that lie side by side."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["same_length"]

_GROUP = "give those that belong together as a dict, in preloaded="


def same_length(shapes: Mapping[str, tuple[int, ...]], what: str, hint: str = _GROUP) -> int:
    """Give the length of the first axis, which all have in common.

    Parameters
    ----------
    shapes : mapping from str to tuple of int
        Shape of each array.
    what : str
        What they are in, for the message.
    hint : str
        What to do if their lengths differ.

    Raises
    ------
    ValueError
        If there are none, or their lengths differ.

    Examples
    --------
    >>> same_length({'images': (10, 8, 8), 'labels': (10,)}, 'HDF5 group')
    10
    """
    if not shapes:
        raise ValueError(f"the {what} has no arrays, so there are no items")
    lengths = {name: shape[0] for name, shape in shapes.items() if shape}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"the arrays of the {what} have different numbers of rows: {told}; {hint}")
    if not lengths:
        raise ValueError(f"no array of the {what} has an axis of items")
    return next(iter(lengths.values()))
