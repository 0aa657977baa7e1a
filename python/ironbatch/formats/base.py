"""What every format is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["ComponentNames", "Format"]

#: Names of components; ``(None,)`` stands for the data of a batch without components.
ComponentNames: TypeAlias = tuple[str | None, ...]


class Format(ABC):
    """One way of keeping components outside of a batch.

    Attributes
    ----------
    name : str or None
        What users write as ``fmt=``.
    suffix : str
        How the names of its files end, ``'.npy'``; may be empty.
    extra : str or None
        The extra of ironbatch that installs the packages it needs.
    """

    name: str | None = None
    suffix: str = ""
    extra: str | None = None

    #: Whether `load` may be given a mapping from components to columns.
    maps_columns: ClassVar[bool] = False

    def components_for(self, batch: Batch, where: Any) -> ComponentNames | None:
        """Say which components a call without names is about; None for all of the batch.

        Parameters
        ----------
        batch : Batch
            The batch.
        where : object
            What the call has given as `src` or `dst`.
        """
        return None

    @abstractmethod
    def load(
        self, batch: Batch, src: Any, components: ComponentNames, *args: Any, **options: Any
    ) -> Mapping[str | None, Any]:
        """Read components.

        Parameters
        ----------
        batch : Batch
            Whose items to read; it is not changed.
        src : object
            Where from, as the caller gave it.
        components : tuple of str or None
            Which components.
        *args
            Never given; with it a subclass may name the keywords that it takes.
        **options
            Other keywords of the call.

        Returns
        -------
        mapping from str or None to array-like or component
            One row for each item of the batch, in its order.
        """

    @abstractmethod
    def dump(
        self, batch: Batch, dst: Any, components: ComponentNames, *args: Any, **options: Any
    ) -> None:
        """Write components; the arguments are those of `load`."""
