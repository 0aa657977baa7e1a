"""What is known of the images of a component when a kernel is chosen for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ironbatch import components as columns
from ironbatch.actions.arguments import has_item_values
from ironbatch.images.pixels import KERNEL_DTYPES, colour
from ironbatch.namedexpr.per_item import PerItem

__all__ = ["Images"]


@dataclass(frozen=True)
class Images:
    """What is known of the images of a component.

    Attributes
    ----------
    src : str
        Name of the component.
    batch : Batch, optional
        The batch; None if the images are yet to be made.
    component : component, optional
        The images; None likewise.
    """

    src: str
    batch: Any = None
    component: Any = None

    @property
    def are_numeric(self) -> bool:
        """Whether kernels take the pixels, and items are images."""
        component = self.component
        if isinstance(component, columns.Ragged):
            return component.dtype in KERNEL_DTYPES and component.shapes.shape[1] in (2, 3)
        return (
            isinstance(component, np.ndarray)
            and component.dtype in KERNEL_DTYPES
            and component.ndim in (3, 4)
        )

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each image."""
        if isinstance(self.component, columns.Ragged):
            return list(map(tuple, self.component.shapes.tolist()))
        return [self.component.shape[1:]] * len(self.component)

    def are_larger(self, size: tuple[int, int]) -> bool:
        """Whether a box lies within each of them, as far as that is known."""
        if self.component is None:
            return True
        return all(size[0] <= shape[0] and size[1] <= shape[1] for shape in set(self.shapes))

    def per_item(self, values: Sequence[Any]) -> Any:
        """Give a kernel one value for all items if they are alike, else one for each."""
        first = values[0]
        if all(one == first for one in values):
            return first
        return PerItem(list(values), n=len(self.batch), index=self.batch.index)

    def can_have(self, fill: Any) -> bool:
        """Whether a colour is one number that all images can have; bad ones raise."""
        if has_item_values(fill) or np.ndim(fill):
            return False
        if self.component is None:
            return bool(0 <= fill <= 255)
        colour(fill, self._pixel, "fill")
        return True

    def numbers_of(self, color: Any) -> list[float] | None:
        """Give the numbers of a colour, if all images can have it; bad ones raise."""
        if has_item_values(color):
            return None
        if self.component is None:
            return [float(color)] if self.can_have(color) else None
        return list(map(float, np.atleast_1d(colour(color, self._pixel, "color"))))

    @property
    def _pixel(self) -> Any:
        channels = next(iter(self.shapes), (1, 1))[2:]
        return np.empty((1, 1, *channels), self.component.dtype)

    def compute(
        self,
        values: Mapping[str, Any],
        names: Sequence[str],
        function: Callable[..., tuple[Any, ...]],
    ) -> list[Any]:
        """Compute parameters of a kernel: once if all items are alike, else for each item.

        Parameters
        ----------
        values : mapping
            Arguments of the action.
        names : sequence of str
            Those that the function gets, behind the shape of an image.
        function : callable
            Gives a tuple of parameters.
        """
        shapes = self.shapes
        given = [values[name] for name in names]
        varying = [has_item_values(value) for value in given]
        if not any(varying) and len(set(shapes)) == 1:
            return [list(one) for one in function(shapes[0], *given)]
        rows = []
        for at, shape in enumerate(shapes):
            own = [
                value[at] if varies else value for value, varies in zip(given, varying, strict=True)
            ]
            rows.append(function(shape, *own))
        if not rows:
            raise ValueError("there are no items")
        return [self.per_item(list(map(list, column))) for column in zip(*rows, strict=True)]
