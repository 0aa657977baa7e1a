"""The plan as a picture: what is drawn where is read back from the SVG."""

import re

import numpy as np
import pytest

import ironbatch
from ironbatch import B, Dataset, Pipeline, V, action, apply_parallel, kernels


class Scans(ironbatch.Batch):
    components = "images", "masks"

    @action
    def scale(self, factor):
        return self

    @action(use_lock=True)
    def guarded(self):
        return self

    @apply_parallel(src="images", target="for")
    def invert(self, image):
        return 1 - image


@pytest.fixture
def scans():
    return Dataset(10, Scans, preloaded=(np.ones((10, 2, 2)), np.ones((10, 2, 2))))


def clip(pipeline):
    return pipeline.apply_parallel(kernels.clip.bind(low=0, high=1), src="images")


class Drawing:
    """Texts and rectangles with their places on the page."""

    def __init__(self, pipeline):
        html = pipeline._repr_html_()
        self.svg = html[html.index("<svg") : html.index("</svg>")]
        _, _, self.width, self.height = map(
            float, re.search('viewBox="(.*?)"', self.svg)[1].split()
        )
        self.texts, self.boxes = [], []
        offsets = [(0.0, 0.0)]
        for tag in re.finditer(r"<(/?)(g|rect|text)\b([^>]*)>([^<]*)", self.svg):
            closing, name, attributes, content = tag.groups()
            found = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
            x, y = offsets[-1]
            if name == "g":
                if closing:
                    offsets.pop()
                else:
                    moved = re.search(r"translate\((\S+) (\S+)\)", found.get("transform", ""))
                    dx, dy = map(float, moved.groups()) if moved else (0.0, 0.0)
                    offsets.append((x + dx, y + dy))
            elif name == "text" and not closing:
                self.texts.append((content, x + float(found["x"]), y + float(found["y"])))
            elif name == "rect" and not closing:
                left, top = x + float(found.get("x", 0)), y + float(found.get("y", 0))
                size = float(found["width"]), float(found["height"])
                self.boxes.append((left, top, left + size[0], top + size[1], found))
        assert len(offsets) == 1

    def place(self, part):
        """Where a text stands that has this in it, the only one."""
        (found,) = [(x, y) for text, x, y in self.texts if part in text]
        return found

    def frames(self, **attributes):
        return [
            box
            for box in self.boxes
            if all(
                box[4].get(name.replace("_", "-")) == value for name, value in attributes.items()
            )
        ]


def inside(place, box):
    return box[0] <= place[0] <= box[2] and box[1] <= place[1] <= box[3]


def test_steps_stand_below_one_another_in_order(scans):
    drawing = Drawing(scans.p.scale(1).invert().guarded())
    places = [drawing.place(part) for part in ("over Dataset", "scale(1)", "invert()", "guarded()")]
    assert [y for _, y in places] == sorted({y for _, y in places})


def test_everything_is_within_the_picture(scans):
    pipeline = (
        scans.p.scale(1).join(scans.p.scale(2)).call(print) + Pipeline().scale(3).invert() * 2
    )
    pipeline = pipeline.rebatch(4).merge(scans.p.scale(4), scans.p.scale(5).rebatch(3)).scale(6)
    drawing = Drawing(pipeline)
    for left, top, right, bottom, _ in drawing.boxes:
        assert left >= 0
        assert top >= 0
        assert right <= drawing.width
        assert bottom <= drawing.height


def test_steps_of_one_pass_are_framed_together(scans):
    drawing = Drawing(clip(clip(clip(scans.p.scale(1)))).scale(2))
    (frame,) = drawing.frames(stroke_dasharray="5 4")
    inner = [(x, y) for text, x, y in drawing.texts if text.startswith("apply_parallel")]
    assert len(inner) == 3
    assert all(inside(place, frame) for place in inner)
    assert not inside(drawing.place("scale(2)"), frame)
    assert "steps 1 to 3" in drawing.svg
    assert Drawing(scans.p.scale(1)).frames(stroke_dasharray="5 4") == []


def test_a_nested_pipeline_is_a_frame(scans):
    drawing = Drawing(scans.p.scale(1) + Pipeline().scale(5).invert() * 3)
    (frame,) = drawing.frames(fill_opacity=".06")
    assert inside(drawing.place("scale(5)"), frame)
    assert inside(drawing.place("3 times"), frame)
    assert not inside(drawing.place("scale(1)"), frame)


@pytest.mark.parametrize(
    "write",
    [
        lambda p, other: p.merge(other).scale(3),
        lambda p, other: p.join(other).call(print),
    ],
)
def test_other_pipelines_stand_beside_what_they_flow_into(scans, write):
    drawing = Drawing(write(scans.p.scale(1), scans.p.scale(2).rebatch(5).scale(4)))
    main, other = drawing.place("scale(1)"), drawing.place("scale(2)")
    assert other[0] > main[0] + 100
    assert drawing.place("scale(4)")[0] > main[0] + 100
    assert drawing.place("scale(4)")[1] > other[1]


def test_rebatch_stands_between_what_is_before_and_behind(scans):
    drawing = Drawing(scans.p.scale(1).rebatch(64).scale(2))
    ys = [drawing.place(part)[1] for part in ("scale(1)", "batches of 64 items", "scale(2)")]
    assert ys == sorted(ys)


def test_kinds_have_a_legend(scans):
    assert "native, without Python" in Drawing(clip(scans.p)).svg
    assert "native" not in Drawing(scans.p.scale(1)).svg
    assert "in order" in Drawing(scans.p.update(V("n"), B.size)).svg
    assert "in order" in Drawing(scans.p.guarded()).svg


def test_a_long_text_is_cut_and_whole_on_hovering(scans):
    word = "x" * 55
    drawing = Drawing(scans.p.scale(word))
    assert word not in "".join(text for text, _, _ in drawing.texts)
    assert (
        word
        in re.search("<title>(.*?)</title>", drawing.svg[drawing.svg.index("scale") - 40 :], re.S)[
            1
        ]
    )


def test_a_pipeline_without_steps_or_dataset():
    assert "no dataset yet" in Drawing(Pipeline()).svg
    assert Drawing(Pipeline().anything()).place("anything()")
