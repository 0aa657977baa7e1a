"""The part of a batch that hands its components over to other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch

__all__ = ["Exports"]


class Exports:
    """Tensors, tables, data frames. A component that has the name of a method wins over it."""

    def to_torch(
        self,
        components: str | Sequence[str] | None = None,
        *,
        device: Any = None,
        pin_memory: bool = False,
        ragged: Literal["jagged", "strided", "list"] = "jagged",
    ) -> dict[str, Any]:
        """Make tensors of torch, without a copy where there need be none.

        Parameters
        ----------
        components : str or sequence of str, optional
            Which; by default all that hold data.
        device : torch.device or str, optional
            Where the tensors go; by default they stay where the batch is.
        pin_memory : bool
            Copy them to page-locked memory, from where copies to a device need not be waited for.
        ragged : {'jagged', 'strided', 'list'}
            What becomes of ragged components: a nested tensor over the values, whose items may
            differ in their first axis only; a nested tensor of any shapes, copied; or a list of
            tensors over the values.

        Returns
        -------
        dict
            By name of the component: a tensor of shape (n, *item shape) for a dense one; a nested
            tensor or a list for a ragged one; a list for text, bytes and objects.

        Raises
        ------
        TypeError
            If torch has no tensors of the dtype, such as dates; names the component.
        ComponentError
            If a component is not there or holds no data, or if items of a ragged one differ in
            more than their first axis and `ragged` is ``'jagged'``.
        RuntimeError
            Of torch, if there is no device that memory could be pinned for.

        Notes
        -----
        A dense tensor shares the memory of the component: what is written to one is seen in the
        other. It counts as sharing, so a kernel that works in place gives the batch new memory and
        leaves the tensor as it is. Components that must not be written to, or whose byte order is
        not the machine's, are copied.
        """
        from ironbatch.exchange.tensors import to_torch

        return to_torch(
            cast("Batch", self), components, device=device, pin_memory=pin_memory, ragged=ragged
        )

    def to_arrow(
        self, components: str | Sequence[str] | None = None, *, ids: str | None = "id"
    ) -> Any:
        """Make a table of pyarrow, without a copy where there need be none.

        Parameters
        ----------
        components : str or sequence of str, optional
            Which; by default all that hold data.
        ids : str or None
            Name of the column of ids, which comes first; None leaves them out.

        Returns
        -------
        pyarrow.Table
            One chunk. `ironbatch.components.arrow` says which type each component has there.

        Raises
        ------
        TypeError
            If Arrow has no type for a component, such as objects; names it.
        ComponentError
            If a component is not there, has the name of the column of ids, or holds text that is
            no valid UTF-8.

        Examples
        --------
        >>> import ironbatch
        >>> class Scans(ironbatch.Batch):
        ...     components = 'labels'
        >>> Scans.from_data(['a', 'b'], [7, 8]).to_arrow().to_pylist()
        [{'id': 'a', 'labels': 7}, {'id': 'b', 'labels': 8}]
        """
        from ironbatch.exchange.tables import to_arrow

        return to_arrow(cast("Batch", self), components, ids)

    def to_pandas(self, components: str | Sequence[str] | None = None) -> Any:
        """Make a data frame of pandas, with the ids as its labels.

        Parameters
        ----------
        components : str or sequence of str, optional
            Which; by default all that hold data.

        Returns
        -------
        pandas.DataFrame
            A copy. Items that are arrays are cells of a column of objects.

        Raises
        ------
        ComponentError
            If a component is not there or holds no data.

        Examples
        --------
        >>> import ironbatch
        >>> class Scans(ironbatch.Batch):
        ...     components = 'labels'
        >>> Scans.from_data(['a', 'b'], [7, 8]).to_pandas().labels['b']
        np.int64(8)
        """
        from ironbatch.exchange.tables import to_pandas

        return to_pandas(cast("Batch", self), components)

    def to_polars(
        self, components: str | Sequence[str] | None = None, *, ids: str | None = "id"
    ) -> Any:
        """Make a data frame of polars.

        Parameters
        ----------
        components, ids
            As for `to_arrow`.

        Returns
        -------
        polars.DataFrame
            Columns share memory where `to_arrow` shares it; objects are a column of objects.

        Raises
        ------
        TypeError, ComponentError
            As `to_arrow`.
        """
        from ironbatch.exchange.tables import to_polars

        return to_polars(cast("Batch", self), components, ids)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        from ironbatch.exchange.tables import arrow_stream

        return arrow_stream(cast("Batch", self))
