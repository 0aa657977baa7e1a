"""Components as a whole, read back from the axes of figures."""

import numpy as np
import pytest

import ironbatch
from ironbatch import ComponentError

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure


class Scans(ironbatch.Batch):
    components = "images", "labels", "names", "waves", "scores", "things", "empty"


@pytest.fixture
def batch():
    made = Scans(6)
    made.images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    made.labels = [2, 0, 0, 1, 0, 2]
    made.names = ["b", "a", "b", "b", "c", "$x_1$"]
    made.waves = [np.arange(5.0) + n for n in range(6)]
    made.scores = [0.5, 1.5, np.nan, 2.5, np.inf, 0.5]
    made.things = [object(), 1, None, {}, [], "x"]
    return made


def axes_of(batch, *args, **kwargs):
    figure = Figure()
    assert batch.plot(*args, figure=figure, **kwargs) is figure
    figure.canvas.draw()
    return {axes.get_title(): axes for axes in figure.axes}


def heights(axes):
    return [round(bar.get_height()) for bar in axes.patches]


def ticks(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def test_all_that_can_be_drawn_is_drawn(batch):
    assert list(axes_of(batch)) == ["images", "labels", "names", "waves", "scores"]


def test_some_components(batch):
    assert list(axes_of(batch, ["labels", "scores"])) == ["labels", "scores"]
    assert list(axes_of(batch, "labels")) == ["labels"]


def test_few_integers_are_counted_in_order(batch):
    axes = axes_of(batch, "labels")["labels"]
    assert (ticks(axes), heights(axes)) == (["0", "1", "2"], [3, 1, 2])


def test_texts_are_counted_the_most_frequent_first(batch):
    axes = axes_of(batch, "names")["names"]
    assert ticks(axes)[0] == "b"
    assert heights(axes)[0] == 3
    assert "$x_1$" in ticks(axes)


def test_no_more_than_twenty_values_are_counted():
    many = Scans(300)
    many.names = [f"name {n}" for n in range(300)]
    axes = axes_of(many, "names")["names"]
    assert len(axes.patches) == 20
    assert "of 300 values" in axes.get_xlabel()


def test_truth_values_are_counted():
    made = Scans(4)
    made.labels = [True, False, True, True]
    axes = axes_of(made, "labels")["labels"]
    assert (ticks(axes), heights(axes)) == (["False", "True"], [1, 3])


def test_a_histogram_has_every_finite_value(batch):
    assert sum(heights(axes_of(batch, "images")["images"])) == 24
    assert sum(heights(axes_of(batch, "scores")["scores"])) == 4
    assert sum(heights(axes_of(batch, "waves", kind="histogram")["waves"])) == 30


def test_bins(batch):
    assert len(axes_of(batch, "images", bins=7)["images"].patches) == 7


def test_signals_are_lines_of_the_first_items(batch):
    axes = axes_of(batch, "waves", n=2)["waves"]
    assert [line.get_ydata().tolist() for line in axes.lines] == [
        [0.0, 1.0, 2.0, 3.0, 4.0],
        [1.0, 2.0, 3.0, 4.0, 5.0],
    ]
    assert "first 2 of 6" in axes.get_xlabel()
    assert len(axes_of(batch, "waves")["waves"].lines) == 6


def test_kind(batch):
    assert len(axes_of(batch, "labels", kind="histogram")["labels"].patches) == 50
    assert ticks(axes_of(batch, "scores", kind="counts")["scores"])[0] == "0.5"


def test_ragged_components(batch):
    batch.waves = [np.arange(float(n)) for n in range(6)]
    assert len(axes_of(batch, "waves")["waves"].lines) == 6
    batch.images = [np.ones((n, 2)) for n in range(6)]
    assert sum(heights(axes_of(batch, "images")["images"])) == 30


def test_preloaded_components_are_loaded():
    dataset = ironbatch.Dataset(6, Scans, preloaded={"labels": np.arange(6) % 2})
    assert heights(axes_of(dataset.next_batch(6))["labels"]) == [3, 3]


def test_many_values_are_thinned():
    made = Scans(5000)
    made.images = np.ones((5000, 40, 40), np.uint8)
    assert 10**6 < sum(heights(axes_of(made, "images")["images"])) <= 2**22


def test_a_figure_of_its_own(batch):
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.use("Agg")
    assert len(batch.plot().axes) == 5
    pyplot.close("all")


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "match"),
    [
        (["nothing"], {}, ComponentError, "no component 'nothing'"),
        (["empty"], {}, ComponentError, "no component 'empty'"),
        (["things"], {}, ComponentError, "'things' .objects, 6 items. cannot be drawn"),
        (["names"], {"kind": "histogram"}, ComponentError, "it can be drawn as 'counts'"),
        (["images"], {"kind": "signals"}, ComponentError, "it can be drawn as 'histogram'"),
        (["images"], {"kind": "pie"}, ValueError, "'counts', 'signals', got 'pie'"),
        (["images"], {"bins": 0}, ValueError, "bins has to be a whole number"),
        (["waves"], {"n": 0.5}, ValueError, "n has to be a whole number"),
    ],
)
def test_what_is_wrong_is_said(batch, args, kwargs, error, match):
    with pytest.raises(error, match=match):
        batch.plot(*args, **kwargs)


def test_a_batch_with_nothing_to_draw():
    with pytest.raises(ComponentError, match="no component with numbers"):
        Scans(3).plot()
