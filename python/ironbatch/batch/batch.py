"""The class that users subclass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ironbatch import components as columns
from ironbatch.actions.action import action
from ironbatch.actions.policy import UNSET, given_settings
from ironbatch.batch.exports import Exports
from ironbatch.batch.merge import merge_batches
from ironbatch.batch.names import chosen_names, component_names
from ironbatch.batch.parallel import Parallel
from ironbatch.batch.preloaded import Addressing, Preloaded, split_parts
from ironbatch.batch.showing import Showing
from ironbatch.batch.view import ComponentsView
from ironbatch.index import DatasetIndex

if TYPE_CHECKING:
    from ironbatch.dataset import Dataset
    from ironbatch.pipeline import Pipeline

__all__ = ["Batch"]


class Batch(Exports, Showing, Parallel):
    """An index of item ids plus named data components.

    Subclass it, name the components, and write actions: methods that say what happens to the batch
    or, with `inbatch_parallel` or `apply_parallel`, to one item of it.

    Parameters
    ----------
    index : DatasetIndex, int, or array-like of ids
        The items of the batch.
    dataset : Dataset, optional
        Where the batch comes from.
    pipeline : Pipeline, optional
        Which pipeline it travels through.
    preloaded : array, tuple, dict, DataFrame, or any object with advanced indexing, optional
        Data of the whole dataset; the batch copies its rows when a component is first used.
    copy : bool
        Deep-copy preloaded Python objects too (numerical data is always copied).
    addressing : {'auto', 'id', 'position'}
        Which rows of `preloaded` belong to the items; see `ironbatch.batch.preloaded`.
    *args, **kwargs
        Positional arguments are ignored; keyword arguments become attributes.

    Attributes
    ----------
    components : tuple of str or None
        Names of the components; declared on the class as a name, a tuple or a list.
    index : DatasetIndex
        The items.

    Examples
    --------
    >>> import ironbatch
    >>> class Scans(ironbatch.Batch):
    ...     components = 'images', 'labels'
    >>> batch = Scans(['a', 'b'])
    >>> batch.images = [[1., 2.], [3., 4.]]
    >>> batch['b'].images.tolist()
    [3.0, 4.0]
    >>> batch['a'].images = [5., 6.]
    >>> batch.images[0].tolist()
    [5.0, 6.0]
    """

    def __init__(
        self,
        index: Any,
        dataset: Dataset | None = None,
        pipeline: Pipeline | None = None,
        preloaded: Any = None,
        copy: bool = False,
        *args: Any,
        addressing: Addressing = "auto",
        **kwargs: Any,
    ) -> None:
        self._take_pending()
        names = type(self).components
        if names is not None:
            self._slot_declare(
                names if type(names) is tuple else component_names(names, type(self).__name__)
            )
        elif type(preloaded) is Preloaded and preloaded.names is not None:
            self._slot_declare(preloaded.names)  # the columns of a table
        if not isinstance(index, DatasetIndex):
            index = DatasetIndex(index)
        attributes = self.__dict__
        attributes["index"] = index
        attributes["_dataset"] = dataset
        attributes["_pipeline"] = pipeline
        attributes["_preloaded"] = preloaded
        if preloaded is not None:
            attributes["_copy"] = copy
            attributes["_addressing"] = addressing
        for name, value in kwargs.items():
            setattr(self, name, value)

    def _loads_itself(self) -> bool:
        return type(self).load is not Batch.load

    def _complete(self) -> None:
        """Set up a batch whose own constructor has not called `super().__init__()`."""
        pending = self._take_pending()
        if pending is None:
            return
        args, kwargs = pending
        kwargs = kwargs or {}
        if not args and "index" not in kwargs:
            raise TypeError(
                f"{type(self).__name__} was made without an index; its constructor must take the "
                "index first and should pass *args and **kwargs to super().__init__()"
            )
        known = {
            name: kwargs[name]
            for name in ("dataset", "pipeline", "preloaded", "copy", "addressing")
            if name in kwargs
        }
        kept = dict(self.__dict__)
        Batch.__init__(self, args[0] if args else kwargs["index"], **known)
        self.__dict__.update(kept)

    # The items

    @property
    def indices(self) -> np.ndarray[Any, Any]:
        """Ids of the items, in order; shape (n,)."""
        return self.index.indices

    @property
    def size(self) -> int:
        """Number of items."""
        return len(self.index)

    @property
    def dataset(self) -> Dataset | None:
        """The dataset that the batch was made from."""
        own: Dataset | None = self.__dict__.get("_dataset")
        if own is None and self.pipeline is not None:
            own = self.pipeline.dataset
        return own

    @dataset.setter
    def dataset(self, dataset: Dataset | None) -> None:
        self._dataset = dataset

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline that the batch travels through."""
        return self._pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Pipeline | None) -> None:
        self._pipeline = pipeline

    def get_model_by_name(self, name: str) -> Any:
        """Give a model of the pipeline; a dynamic one is made at its first use.

        Parameters
        ----------
        name : str
            Its name.

        Raises
        ------
        ValueError
            If the batch travels through no pipeline.
        KeyError
            If the pipeline has no such model.
        """
        pipeline = self.pipeline
        if pipeline is None:
            raise ValueError(f"the batch is in no pipeline, so it has no model {name!r}")
        return pipeline.get_model_by_name(name, batch=self)

    # Other batches and datasets

    @classmethod
    def from_data(cls, index: Any = None, data: Any = None, **kwargs: Any) -> Self:
        """Make a batch from its data.

        Parameters
        ----------
        index : DatasetIndex, int, or array-like of ids, optional
            The items; 0, 1, ... by default.
        data : array, tuple, dict, DataFrame
            One row for each item, in the order of the index.
        **kwargs
            For the constructor.

        Raises
        ------
        ValueError
            If neither index nor data tell how many items there are.
        """
        if index is None:
            if data is None:
                raise ValueError("from_data needs data, or an index")
            parts = split_parts(data, component_names(cls.components, cls.__name__))
            present = [part for part in parts.values() if part is not None]
            if not present:
                raise ValueError("from_data needs an index when every component is None")
            index = len(present[0])
        batch = cls(index, **kwargs)
        if data is not None:
            batch._data = data
        return batch

    @classmethod
    def merge(
        cls,
        batches: Iterable[Batch],
        batch_size: int | None = None,
        components: str | Sequence[str] | None = None,
        batch_class: type[Batch] | None = None,
    ) -> tuple[Batch, Batch | None]:
        """Join batches into one, and give back what is over.

        Ids are kept while they are unique, and renumbered from 0 otherwise.

        Parameters
        ----------
        batches : iterable of Batch
            What to join, in order.
        batch_size : int, optional
            How many items the first result has at most; all by default.
        components : str or sequence of str, optional
            Which components; those of the first batch by default.
        batch_class : type, optional
            Class of the results; that of the first batch by default.

        Returns
        -------
        merged, rest : Batch, Batch or None
            The first `batch_size` items, and the others if there are any.

        Raises
        ------
        ComponentError
            If a component holds data in some batches and none in others.
        ValueError
            If there is no batch, or `batch_size` is less than 1.
        """
        return merge_batches(cls, list(batches), batch_size, components, batch_class)

    @classmethod
    def merge_component(cls, component: str | None, data: Sequence[Any]) -> Any:
        """Join the data of one component; override it for data of a kind of your own.

        Parameters
        ----------
        component : str or None
            Name of the component; None in batches without components.
        data : sequence
            Its data in each batch.
        """
        return columns.concat(
            [columns.as_component(part, len(part), name=component or "data") for part in data]
        )

    def as_dataset(
        self, dataset: type[Dataset] | Dataset | None = None, copy: bool = False
    ) -> Dataset:
        """Make a dataset whose preloaded data is the data of this batch.

        Parameters
        ----------
        dataset : Dataset or subclass of it, optional
            The class of the result.
        copy : bool
            Whether its batches deep-copy Python objects.
        """
        from ironbatch.dataset import Dataset as Base

        factory: Callable[..., Dataset] = (
            dataset if isinstance(dataset, type) else Base if dataset is None else type(dataset)
        )
        data = self.data
        if isinstance(data, ComponentsView):
            data = data.as_dict()
        return factory(
            self.index,
            batch_class=type(self),
            preloaded=data,
            copy=copy,
            addressing="position",
        )

    @action
    def load(
        self,
        src: Any = None,
        fmt: str | None = None,
        dst: str | Sequence[str] | None = None,
        *,
        components: str | Sequence[str] | None = None,
        on_error: Any = UNSET,
        max_failures: Any = UNSET,
        retries: Any = UNSET,
        backoff: Any = UNSET,
        retry_on: Any = UNSET,
        **kwargs: Any,
    ) -> Self:
        """Read components from memory or files.

        Parameters
        ----------
        src : object, optional
            Where from: data as `preloaded` takes it, a folder, a file, a URL of them, or a
            `FilesIndex`; by default the paths of the batch's own index.
        fmt : str, optional
            Name of a format (`ironbatch.formats.names`); None is memory.
        dst, components : str or sequence of str, optional
            Which components to read; either, not both. New names are added.
        on_error, max_failures, retries, backoff, retry_on : optional
            What becomes of items whose files cannot be read, and whether they are tried again:
            `ironbatch.actions.on_error`. A replacement takes the place of an item in each
            component; a mapping has one for each.
        **kwargs
            Options of the format, and ``storage_options=`` for the file systems of URLs.

        Raises
        ------
        ValueError
            If the format is unknown.
        TypeError
            If both `dst` and `components` are given.
        FormatError
            If a file is truncated, foreign or hostile; the message names it and the item.
        OSError
            If a file cannot be read.
        """
        from ironbatch.formats import load_into

        settings = given_settings(on_error, max_failures, retries, backoff, retry_on)
        load_into(self, src, fmt, dst, components=components, settings=settings, **kwargs)
        return self

    @action
    def dump(
        self,
        dst: Any = None,
        fmt: str | None = None,
        components: str | Sequence[str] | None = None,
        *,
        on_error: Any = UNSET,
        max_failures: Any = UNSET,
        retries: Any = UNSET,
        backoff: Any = UNSET,
        retry_on: Any = UNSET,
        **kwargs: Any,
    ) -> Self:
        """Write components to memory or files.

        A file is written under a temporary name and renamed, so a reader finds the old one or the
        new one.

        Parameters
        ----------
        dst : object
            Where to: an array, a folder, a file, or a `FilesIndex`; by default the paths of the
            batch's own index.
        fmt : str, optional
            Name of a format (`ironbatch.formats.names`); None is memory.
        components : str or sequence of str, optional
            Which components; all by default.
        on_error, max_failures, retries, backoff, retry_on : optional
            What becomes of items whose files cannot be written, as for `load`; with a replacement
            they stay in the batch.
        **kwargs
            Options of the format.

        Raises
        ------
        ValueError
            If the format is unknown, or an id would lead out of the folder.
        OSError
            If a file cannot be written.
        """
        from ironbatch.formats import dump_from

        settings = given_settings(on_error, max_failures, retries, backoff, retry_on)
        dump_from(self, dst, fmt, components, settings=settings, **kwargs)
        return self

    @action
    def save(self, *args: Any, **kwargs: Any) -> Self:
        """Write components; another name of `dump`."""
        self.dump(*args, **kwargs)
        return self

    @action
    def do_nothing(self, *args: Any, **kwargs: Any) -> Self:
        """Do nothing, whatever the arguments."""
        return self

    @action
    def to_array(
        self,
        src: str | Sequence[str] | None = None,
        dst: str | Sequence[str] | None = None,
        dtype: Any = np.float32,
        channels: str | None = "last",
    ) -> Self:
        """Convert components to dense arrays.

        Parameters
        ----------
        src : str or sequence of str, optional
            Which components; all by default.
        dst : str or sequence of str, optional
            Where to; in place by default.
        dtype : dtype
            Type of the result.
        channels : {'last', 'first', None}
            Where the channel axis goes: items with two axes get a third one, and 'first' moves the
            last axis to the front. None leaves the axes alone.
        """
        sources = chosen_names(src, None) or self.components or ()
        targets = chosen_names(dst, None) or sources
        if len(sources) != len(targets):
            raise ValueError(f"src names {len(sources)} components and dst {len(targets)}")
        for source, target in zip(sources, targets, strict=True):
            self.store(target, columns.to_array(getattr(self, source), dtype, channels))
        return self
