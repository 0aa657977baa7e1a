"""A dataset: an index, the class of its batches, and data they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ironbatch.batch import Batch
from ironbatch.batch.constructor import explain_constructor
from ironbatch.batch.preloaded import Addressing, Preloaded
from ironbatch.batch.seeded import run_key, seeded
from ironbatch.cross_validation import CrossValidated
from ironbatch.errors import UnknownIdError
from ironbatch.index import DatasetIndex
from ironbatch.index.blocks import BLOCKS, Blocks, BlockStarts
from ironbatch.index.iteration import IterState, refuse_misspelt
from ironbatch.sources import Table
from ironbatch.sources.items import columns_of, data_of, items_of
from ironbatch.type_variables import BatchT

if TYPE_CHECKING:
    from ironbatch.display.summary import Summary
    from ironbatch.pipeline import Pipeline

_PipelineT = TypeVar("_PipelineT", bound="Pipeline[Any]")

__all__ = ["Dataset", "NotASubsetError"]


class NotASubsetError(UnknownIdError, IndexError):
    """The ids of a subset are not all in the dataset."""


class Dataset(CrossValidated[BatchT]):
    """All items of a data set, and how batches of them are made.

    Parameters
    ----------
    index : DatasetIndex, int, array-like of ids, callable, or data
        The items; or a table, a dict of columns, or an array of two and more dimensions, which is
        what `preloaded` is then: its rows are the items. Their ids are the values of `index_col`,
        or the labels of a pandas DataFrame, or else 0, 1, ... A DatasetDict of Hugging Face is all
        of its splits, one after the other, and `train`, `test` and `validation` are they.
    batch_class : type
        A subclass of `Batch`. If it has no components and the items are the rows of a table, they
        are its columns.
    preloaded : array, tuple, dict, table, or any object with advanced indexing, optional
        Data of all items; each batch gets copies of its rows when it first uses them. Whatever
        `ironbatch.sources` knows may stand for a table or an array.
    index_col : str, optional
        The column of a table whose values are the ids of its rows.
    cast_to_array : bool
        Convert lists in `preloaded` to arrays where they have a regular shape.
    copy : bool
        Deep-copy preloaded Python objects for each batch (numerical data is always copied).
    addressing : {'auto', 'id', 'position'}
        Which rows of `preloaded` belong to an item; see `ironbatch.batch.preloaded`. With
        'position' labels of a table are no ids.
    *args
        Further arguments of the index's constructor.
    **kwargs
        ``method``, ``n_splits`` and ``shuffle`` make cross-validation splits at once; others become
        attributes of the dataset and of its subsets.

    Raises
    ------
    TypeError
        If `batch_class` is not a subclass of `Batch`, or a column has no form in NumPy or Python.
    KeyError
        If the table has no such column as `index_col`.
    ValueError
        If ids repeat in that column.

    Examples
    --------
    >>> import numpy as np, ironbatch
    >>> class Digits(ironbatch.Batch):
    ...     components = 'images', 'labels'
    >>> dataset = ironbatch.Dataset(10, Digits, preloaded=(np.zeros((10, 8, 8)), np.arange(10)))
    >>> dataset.split(0.8)
    >>> len(dataset.train), len(dataset.test)
    (8, 2)
    >>> [batch.labels.tolist() for batch in dataset.gen_batch(4, n_epochs=1)]
    [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]

    >>> import pandas
    >>> houses = pandas.DataFrame({'place': ['a', 'b', 'c'], 'price': [3.5, 1.5, 2.5]})
    >>> batch = ironbatch.Dataset(houses, index_col='place').next_batch(2)
    >>> batch.indices.tolist(), batch.price.tolist()
    (['a', 'b'], [3.5, 1.5])
    """

    batch_class: type[BatchT]

    if TYPE_CHECKING:
        # None until the dataset is split; then a dataset of the same class.
        train: Self
        test: Self
        validation: Self

    def __init__(
        self,
        index: Any,
        batch_class: type[BatchT] = Batch,  # type: ignore[assignment]
        *args: Any,
        preloaded: Any = None,
        cast_to_array: bool = True,
        copy: bool = False,
        addressing: Addressing = "auto",
        index_col: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not (isinstance(batch_class, type) and issubclass(batch_class, Batch)):
            raise TypeError(f"batch_class must be a subclass of Batch, got {batch_class!r}")
        components = batch_class.components
        names = (components,) if isinstance(components, str) else components and tuple(components)
        parts: Mapping[str, range] = {}
        if preloaded is None and (data := data_of(index)) is not None:
            by_number = addressing == "position" and index_col is None
            index, preloaded = len(data) if by_number else items_of(data, index_col), data
            if isinstance(data, Table):
                parts = data.splits
                if names is None:
                    names = columns_of(data, index_col, batch_class)
            index_col, addressing = None, "position"  # the rows are the items, in their order
        elif index_col is not None and preloaded is None:
            raise TypeError(f"index_col={index_col!r} is a column of a table, and there is none")
        super().__init__(index, *args)
        self.batch_class = batch_class
        self._copy = copy
        if preloaded is not None and not isinstance(preloaded, Preloaded):
            preloaded = Preloaded(
                preloaded, names, addressing, cast_to_array=cast_to_array, index_col=index_col
            )
            if self.index.root is not self.index and preloaded.fits(len(self.index)):
                # The rows are those of this dataset's items, not of the index they come from.
                self._index = self.index.detach()
        self.preloaded: Preloaded | None = preloaded
        splits = {
            name: kwargs.pop(name) for name in ("method", "n_splits", "shuffle") if name in kwargs
        }
        self._attrs = tuple(kwargs)
        for name, value in kwargs.items():
            setattr(self, name, value)
        for name, rows in parts.items():
            if rows:
                part = self.index.take(np.arange(rows.start, rows.stop))
                setattr(self, name, self.create_subset(part))
        if splits:
            self.cv_split(**splits)

    def build_index(self, index: Any, *args: Any, **kwargs: Any) -> DatasetIndex:
        """Give the index as it is, or make a `DatasetIndex` of it."""
        return index if isinstance(index, DatasetIndex) else DatasetIndex(index, *args, **kwargs)

    @classmethod
    def from_dataset(
        cls,
        dataset: Dataset,
        index: DatasetIndex,
        batch_class: type[Batch] | None = None,
        copy: bool = False,
    ) -> Dataset:
        """Make a dataset of other items or another batch class from a dataset.

        Parameters
        ----------
        dataset : Dataset
            Where attributes and preloaded data come from.
        index : DatasetIndex
            Its items, a subset.
        batch_class : type, optional
            Class of its batches; that of `dataset` by default.
        copy : bool
            Make a new object even when index and class are those of `dataset`.

        Returns
        -------
        Dataset
            The very same object when nothing differs and no copy is asked for.
        """
        batch_class = batch_class or dataset.batch_class
        if not isinstance(index, DatasetIndex) or (
            dataset.preloaded is not None and index.root is not dataset.index.root
        ):
            index = dataset._subset_index(index)
        if not copy and index is dataset.index and batch_class is dataset.batch_class:
            return dataset
        made = cls.__new__(cls)
        made.__dict__.update(dataset.__dict__)
        for number in range(made.cv_splits):
            made.__dict__.pop(f"cv{number}", None)
        made._index = index
        made._iter_params = IterState()
        made.train = made.test = made.validation = None  # type: ignore[assignment]
        made.cv_splits = 0
        made.batch_class = batch_class  # type: ignore[assignment]
        return made

    def create_subset(self, index: Any) -> Self:
        """Make a dataset of some of the items.

        Parameters
        ----------
        index : DatasetIndex or array-like of ids
            The items.

        Raises
        ------
        NotASubsetError
            If an id is not in the dataset; it is a KeyError and an IndexError.
        """
        if not (isinstance(index, DatasetIndex) and index.root is self.index.root):
            index = self._subset_index(index)
        return type(self).from_dataset(self, index)  # type: ignore[return-value]

    def _subset_index(self, index: Any) -> DatasetIndex:
        ids = index.indices if isinstance(index, DatasetIndex) else index
        try:
            subset: DatasetIndex = self.index.create_subset(ids)
        except KeyError as error:
            raise NotASubsetError(f"not a subset of the dataset: {error}") from None
        return subset

    def create_batch(self, index: Any, pos: bool = False, *args: Any, **kwargs: Any) -> BatchT:
        """Make a batch of some items.

        Parameters
        ----------
        index : DatasetIndex or array-like
            Ids of the items, or their positions.
        pos : bool
            Whether `index` holds positions.
        *args, **kwargs
            For the constructor of the batch.

        Raises
        ------
        UnknownIdError
            If an id is not in the dataset.
        TypeError
            If the constructor of the batch class does not take what the dataset passes.
        """
        if not isinstance(index, DatasetIndex):
            index = (
                self.index.take(np.atleast_1d(np.asarray(index, dtype=np.int64)))
                if pos
                else self.index.create_subset(index)
            )
        elif self.preloaded is not None and index.root is not self.index.root:
            # Rows are found by positions in the dataset, so an index of its own is looked up.
            index = self.index.create_subset(index)
        try:
            made: Callable[..., BatchT] = self.batch_class
            return made(
                index, *args, dataset=self, preloaded=self.preloaded, copy=self._copy, **kwargs
            )
        except TypeError as error:
            explained = explain_constructor(
                self.batch_class,
                index,
                args,
                {"dataset": self, "preloaded": None, "copy": False, **kwargs},
            )
            if explained is None:
                raise
            raise explained from error

    def gen_batch(
        self,
        batch_size: int,
        shuffle: Any = False,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        notifier: Any = False,
        *args: Any,
        **kwargs: Any,
    ) -> Iterator[BatchT]:
        """Generate batches.

        Parameters
        ----------
        batch_size, shuffle, n_iters, n_epochs, drop_last, notifier
            See `DatasetIndex.gen_batch`, which also describes `order` and `iter_params`. An int or
            a SeedSequence as `shuffle` seeds the random numbers of the batches too.
        *args, **kwargs
            For the constructor of the batches.

        Returns
        -------
        iterator of Batch

        Raises
        ------
        ValueError, TypeError
            At the call, as `DatasetIndex.gen_batch` does.
        """
        state = kwargs.pop("iter_params", None) or IterState()
        if kwargs:
            refuse_misspelt(kwargs, self.batch_class)
        state.rows = self.rows_in_blocks
        shuffle = self.in_blocks(shuffle)
        batches = super().gen_batch(
            batch_size,
            shuffle,
            n_iters,
            n_epochs,
            drop_last,
            notifier,
            *args,
            iter_params=state,
            **kwargs,
        )
        key = run_key(shuffle, state)
        return batches if key is None else seeded(batches, key)

    def next_batch(
        self,
        batch_size: int,
        shuffle: Any = False,
        n_iters: int | None = None,
        n_epochs: int | None = None,
        drop_last: bool = False,
        iter_params: IterState | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> BatchT:
        """Make the next batch.

        Parameters
        ----------
        batch_size, shuffle, n_iters, n_epochs, drop_last, iter_params
            See `DatasetIndex.next_batch`, which also describes `order`.
        *args, **kwargs
            For the constructor of the batch.

        Returns
        -------
        Batch

        Raises
        ------
        StopIteration
            If there are no batches left.
        """
        state = self.iter_state if iter_params is None else iter_params
        state.rows = self.rows_in_blocks
        return super().next_batch(
            batch_size,
            self.in_blocks(shuffle),
            n_iters,
            n_epochs,
            drop_last,
            iter_params,
            *args,
            **kwargs,
        )

    def in_blocks(self, shuffle: Any, seed: Any = None) -> Any:
        """Say what ``shuffle='blocks'`` means for the data of this dataset.

        Parameters
        ----------
        shuffle : object
            What a run was given.
        seed : seed, optional
            Seeds the order if `shuffle` is only the word.

        Returns
        -------
        object
            `Blocks` with size and window where they are asked for, otherwise `shuffle`.
        """
        if isinstance(shuffle, str) and shuffle == BLOCKS:
            shuffle = Blocks(seed)
        if not isinstance(shuffle, Blocks) or self.preloaded is None:
            return shuffle
        return shuffle.of(*self.preloaded.blocks())

    def rows_in_blocks(self) -> NDArray[np.int64] | BlockStarts | None:
        """Give the row of each item in the data that is read by blocks; None if it is its place.

        If items are in the order of rows, the blocks may be given instead.
        """
        found = None if self.preloaded is None else self.preloaded.rows_in_blocks(self.index)
        return self.index._rows() if found is None else found

    # Components and attributes

    @property
    def data(self) -> Any:
        """The preloaded data as it was given; None without."""
        return None if self.preloaded is None else self.preloaded.data

    def __getattr__(self, name: str) -> Any:
        preloaded = self.__dict__.get("preloaded")
        if preloaded is not None and name in preloaded:
            if self.index.root is self.index:
                return preloaded.parts[name]
            return preloaded.take(self.index, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    # Seeing

    def __repr__(self) -> str:
        from ironbatch.display.dataset import dataset_text

        return dataset_text(self)

    def _repr_html_(self) -> str:
        from ironbatch.display.dataset import dataset_html

        return dataset_html(self)

    def summary(
        self, n: int | None = 1000, components: str | Sequence[str] | None = None
    ) -> Summary:
        """Say what the data is like: types, shapes, ranges, what is missing, frequent values.

        Parameters
        ----------
        n : int, optional
            How many items are looked at, evenly spread over the dataset; None takes all. They are
            read as for a batch: from preloaded data, or by the `load` of the batch class.
        components : str or sequence of str, optional
            Which components; all by default.

        Returns
        -------
        Summary
            It prints as text and shows in a notebook; its attributes hold the same for programs.

        Raises
        ------
        ValueError
            If `n` is less than 1.
        ComponentError
            If there is no such component.

        Examples
        --------
        >>> import numpy as np, ironbatch
        >>> class Digits(ironbatch.Batch):
        ...     components = 'images', 'labels'
        >>> images, labels = np.arange(40.).reshape(10, 2, 2), np.arange(10)
        >>> ironbatch.Dataset(10, Digits, preloaded=(images, labels)).summary()
        Dataset of 10 items
          component  type           item    bytes  missing  min  max  mean  std     distinct
          images     dense float64  (2, 2)  320 B  0        0    39   19.5  11.543
          labels     dense int64    ()      80 B   0        0    9    4.5   2.8723  10
        """
        from ironbatch.display.summary import make_summary

        return make_summary(self, n, components)

    # Pipelines

    def pipeline(self, config: Any = None, **kwargs: Any) -> Pipeline[BatchT]:
        """Start a new pipeline over this dataset.

        Parameters
        ----------
        config : Config or dict, optional
            Configuration of the pipeline.
        **kwargs
            For the constructor of `Pipeline`.
        """
        from ironbatch.pipeline import Pipeline

        return Pipeline(self, config=config, **kwargs)

    @property
    def p(self) -> Pipeline[BatchT]:
        """A new pipeline over this dataset."""
        return self.pipeline()

    def __rshift__(self, pipeline: _PipelineT) -> _PipelineT:
        from ironbatch.pipeline import Pipeline

        if not isinstance(pipeline, Pipeline):
            raise TypeError(
                "a dataset is handed to a pipeline, as in dataset >> pipeline; "
                f"got {type(pipeline).__name__}"
            )
        return pipeline << self
