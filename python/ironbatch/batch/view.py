"""What `batch.data` gives when the batch has components."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ironbatch.batch.names import chosen_names

if TYPE_CHECKING:
    from ironbatch.batch.storage import ComponentStorage

__all__ = ["ComponentsView"]


class ComponentsView:
    """All components of a batch at once; reads and writes go through to the batch.

    Components are addressed by attribute, by name or by their place in `batch.components`.

    Examples
    --------
    >>> import ironbatch
    >>> class Scans(ironbatch.Batch):
    ...     components = 'images', 'labels'
    >>> batch = Scans(2)
    >>> batch.labels = [7, 8]
    >>> batch.data.labels.tolist(), batch.data['images'], batch.data[1].tolist()
    ([7, 8], None, [7, 8])
    """

    __slots__ = ("_batch",)

    _batch: ComponentStorage

    def __init__(self, batch: ComponentStorage) -> None:
        object.__setattr__(self, "_batch", batch)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components, in order."""
        return self._batch.components or ()

    def as_dict(
        self, components: str | tuple[str, ...] | list[str] | None = None
    ) -> dict[str, Any]:
        """Give the components by name.

        Parameters
        ----------
        components : str or sequence of str, optional
            Which of them; all by default.
        """
        return {name: self[name] for name in chosen_names(components, self.components)}

    def as_tuple(
        self, components: str | tuple[str, ...] | list[str] | None = None
    ) -> tuple[Any, ...]:
        """Give the components in order.

        Parameters
        ----------
        components : str or sequence of str, optional
            Which of them; all by default.
        """
        return tuple(self.as_dict(components).values())

    @property
    def data(self) -> tuple[Any, ...]:
        """The components in order."""
        return self.as_tuple()

    def __getattr__(self, name: str) -> Any:
        if name in self.components:
            return getattr(self._batch, name)
        raise AttributeError(
            f"the batch has no component {name!r}; its components are {self.components}"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.components:
            raise AttributeError(
                f"the batch has no component {name!r}; its components are {self.components}; "
                "add_components makes a new one"
            )
        setattr(self._batch, name, value)

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(key, str):
            if key not in self.components:
                raise KeyError(key)
            return getattr(self._batch, key)
        return getattr(self._batch, self.components[key])

    def __setitem__(self, key: str | int, value: Any) -> None:
        name = key if isinstance(key, str) else self.components[key]
        setattr(self, name, value)

    def __contains__(self, name: object) -> bool:
        return name in self.components

    def __len__(self) -> int:
        return len(self.components)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.as_tuple())

    def __repr__(self) -> str:
        return f"<components {', '.join(self.components)} of {self._batch!r}>"
