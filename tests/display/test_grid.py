"""Items in a grid."""

import numpy as np
import pytest

import ironbatch
from ironbatch import ComponentError, ImagesBatch

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def no_window():
    matplotlib.use("Agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def batch(image=None, n=5):
    made = ImagesBatch([f"item {number}" for number in range(n)])
    image = np.zeros((6, 4, 3), np.uint8) if image is None else image
    made.images = [image] * n
    made.labels = np.arange(n)
    return made


def drawn(figure):
    return [axis for axis in figure.axes if axis.images]


def test_every_image_is_drawn():
    figure = batch().show()
    figure.canvas.draw()
    assert len(drawn(figure)) == 5


def test_n_and_columns():
    figure = batch().show(n=3, columns=2)
    assert len(drawn(figure)) == 3
    assert figure.axes[0].get_gridspec().ncols == 2


def test_a_grid_is_as_high_as_its_images():
    wide, tall = (batch(np.zeros(shape)).show(columns=5) for shape in [(20, 80), (80, 20)])
    assert wide.get_figheight() < 1.2 < 5 < tall.get_figheight()
    assert wide.get_figwidth() == tall.get_figwidth()


def test_titles():
    assert [axis.get_title() for axis in drawn(batch().show(n=2))] == ["0", "1"]
    assert drawn(batch().show(titles="indices"))[1].get_title() == "item 1"
    assert drawn(batch().show(titles=list("abcde")))[2].get_title() == "c"
    assert drawn(batch().show(titles=None))[0].get_title() == ""
    bare = batch()
    bare.labels = None
    assert drawn(bare.show())[0].get_title() == ""


def test_masks_are_laid_over():
    made = batch()
    made.masks = np.ones((5, 6, 4), np.uint8)
    assert len(drawn(made.show(masks="masks"))[0].images) == 2


def test_another_component_and_figure():
    from matplotlib.figure import Figure

    made = batch()
    made.store("copies", np.ones((5, 3, 3)))
    own = Figure()
    assert made.show("copies", figure=own) is own
    assert drawn(own)[0].images[0].get_array().shape == (3, 3)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 4)),
        np.zeros((3, 4, 1), np.uint8),
        np.zeros((3, 4, 2), np.uint8),
        np.zeros((3, 4, 7), np.float32),
        np.linspace(-5, 9, 36).reshape(3, 4, 3),
        np.full((3, 4, 3), np.nan),
        np.ones((3, 4, 3), bool),
        np.ones((3, 4), bool),
        np.full((3, 4, 3), 700, np.uint16),
    ],
    ids=lambda image: f"{image.dtype}-{image.shape}",
)
def test_every_kind_of_image(image):
    figure = batch(image, 1).show()
    figure.canvas.draw()
    assert len(drawn(figure)) == 1


def test_images_of_pillow():
    image = pytest.importorskip("PIL.Image")
    made = batch(n=1)
    made.images = [image.new("RGB", (4, 6))]
    assert len(drawn(made.show())) == 1


def test_what_is_wrong_is_said():
    with pytest.raises(ComponentError, match="no component 'pictures' with items"):
        batch().show("pictures")
    with pytest.raises(ComponentError, match="no component 'names' for titles"):
        batch().show(titles="names")
    with pytest.raises(ValueError, match="titles has 1 values for 5 items"):
        batch().show(titles=["a"])
    with pytest.raises(ValueError, match="n has to be a whole number"):
        batch().show(n=0)
    with pytest.raises(ValueError, match="columns has to be a whole number"):
        batch().show(columns=0)


class Signals(ironbatch.Batch):
    components = "labels", "waves", "masks", "notes"


def signals(waves):
    made = Signals(len(waves))
    made.labels = np.arange(len(waves))
    made.waves = waves
    return made


def lines(figure):
    return [
        [line.get_ydata().tolist() for line in axes.lines] for axes in figure.axes if axes.lines
    ]


def test_signals_are_lines_under_their_labels():
    figure = signals([np.arange(4.0), np.arange(7.0)]).show()
    assert lines(figure) == [[list(range(4))], [list(range(7))]]
    assert [axes.get_title() for axes in figure.axes] == ["0", "1"]


@pytest.mark.parametrize("shape", [(2, 50), (50, 2)])
def test_signals_of_several_channels(shape):
    figure = signals(np.ones((1, *shape))).show(kind="signal")
    assert [len(line) for line in lines(figure)[0]] == [50, 50]
    assert lines(signals(np.ones((1, *shape))).show()) == []


def test_masks_are_laid_over_signals():
    made = signals(np.ones((2, 10)))
    made.masks = np.arange(20).reshape(2, 10) % 2
    assert len(made.show(masks="masks").axes[0].collections) == 1
    assert len(made.show().axes[0].collections) == 0


def test_channels_in_front_are_put_behind():
    figure = batch(np.zeros((3, 8, 6), np.uint8), 1).show()
    assert drawn(figure)[0].images[0].get_array().shape == (8, 6, 3)


def test_the_first_component_that_can_be_drawn_is_drawn():
    made = signals(np.ones((2, 10)))
    assert len(lines(made.show())) == 2
    made.waves = None
    made.notes = ["a", "b"]
    with pytest.raises(ComponentError, match="no component whose items are images or signals"):
        made.show()


def test_items_that_cannot_be_drawn():
    made = signals(np.ones((2, 10)))
    with pytest.raises(ComponentError, match=r"'labels': items of shape \(\) cannot be drawn"):
        made.show("labels")
    with pytest.raises(ComponentError, match="cannot be drawn as image"):
        made.show("waves", kind="image")
    with pytest.raises(ValueError, match="kind must be 'image' or 'signal', got 'sound'"):
        made.show(kind="sound")
