"""Tables and columns of polars as the data of batches."""

from __future__ import annotations

import numpy as np
import pytest

from ironbatch import Batch, Dataset, UnknownIdError
from ironbatch.components import Ragged, Strings

pytestmark = pytest.mark.full("polars")


class Plain(Batch):
    components = "x"


def table():
    import polars as pl

    return pl.DataFrame(
        {
            "key": ["c", "b", "a"],
            "x": [1.5, 2.5, 3.5],
            "kind": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
            "tokens": [[1], [2, 3], []],
            "pair": pl.Series([[1, 2], [3, 4], [5, 6]], dtype=pl.Array(pl.Int16, 2)),
            "maybe": [1, None, 3],
            "thing": [{"a": 1}, {"a": 2}, {"a": 3}],
        }
    )


def test_every_kind_of_column():
    batch = Dataset(table()).create_batch([2, 0], pos=True)
    assert batch.key.to_list() == ["a", "c"]
    assert batch.x.tolist() == [3.5, 1.5]
    assert isinstance(batch.kind, Strings)
    assert batch.kind.to_list() == ["u", "u"]
    assert isinstance(batch.tokens, Ragged)
    assert [item.tolist() for item in batch.tokens] == [[], [1]]
    assert batch.pair.dtype == np.int16
    assert batch.pair.tolist() == [[5, 6], [1, 2]]
    assert batch.maybe.tolist() == [3, 1]
    assert batch.thing.tolist() == [{"a": 3}, {"a": 1}]


def test_numbers_are_not_copied():
    frame = table()
    column, _ = Dataset(frame).next_batch(3).preloaded_rows("x")
    assert np.shares_memory(column, frame["x"].to_numpy())


def test_a_column_holds_the_ids():
    assert Dataset(table(), Plain, index_col="key").create_batch(["a"]).x.tolist() == [3.5]
    assert Plain(["b"]).load(table(), index_col="key").x.tolist() == [2.5]
    with pytest.raises(UnknownIdError, match="'z'"):
        Plain(["z"]).load(table(), index_col="key")


def test_a_column_is_a_component_and_rows_are_a_table():
    import polars as pl

    assert Dataset(3, Plain, preloaded=table()["x"]).next_batch(2).x.tolist() == [1.5, 2.5]
    data = Dataset(3, preloaded=table()).create_batch([1], pos=True).data
    assert isinstance(data, pl.DataFrame)
    assert data["key"].to_list() == ["b"]
    series = Dataset(3, preloaded=table()["x"]).create_batch([1], pos=True).data
    assert isinstance(series, pl.Series)


def test_a_type_without_any_form_is_refused():
    import polars as pl

    with pytest.raises(TypeError, match=r"column 'odd' is of polars' type Object"):
        Dataset(pl.DataFrame({"odd": pl.Series([object(), object()], dtype=pl.Object)}))


def test_a_type_that_arrow_does_not_know_is_named():
    import polars as pl

    frame = pl.DataFrame({"a": [1], "b": pl.Series([1], dtype=pl.Int128)})
    with pytest.raises(TypeError, match="column 'b' of polars's type Int128"):
        Dataset(frame)


def test_a_query_has_to_be_collected():
    with pytest.raises(TypeError, match=r"collect\(\)"):
        Dataset(table().lazy(), Plain)
