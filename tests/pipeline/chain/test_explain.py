import math
import re
import time

import numpy as np
import pytest

import ironbatch
from ironbatch import (
    B,
    C,
    Dataset,
    F,
    ImagesBatch,
    P,
    Pipeline,
    R,
    V,
    action,
    apply_parallel,
    inbatch_parallel,
    kernels,
)
from ironbatch.pipeline.plan.plan import Plan


class Scans(ironbatch.Batch):
    components = "images", "masks"

    @action
    def scale(self, factor):
        self.images = self.images * factor
        return self

    @action(use_lock=True)
    def guarded(self):
        return self

    @inbatch_parallel(init="indices", target="for")
    def visit(self, item, way=None):
        pass

    @apply_parallel(src="images", target="for")
    def invert(self, image):
        return 1 - image

    @inbatch_parallel(init="images", post="_assemble", target="native")
    def clip_natively(self, dst="images"):
        return kernels.clip.bind(low=0, high=1)


@pytest.fixture
def scans():
    return Dataset(10, Scans, preloaded=(np.ones((10, 2, 2)), np.ones((10, 2, 2))))


def line(pipeline, number):
    """Give what `explain` says of one step."""
    text = pipeline.explain()
    found = re.search(rf"^  {number}\. .*\n(?:       \(.*\)\n?)?", text, re.MULTILINE)
    return found.group() if found else text


def test_where_batches_come_from_and_what_was_declared(scans):
    pipeline = (scans >> Pipeline(config={"rate": 0.5})).init_variable("total", 0)
    pipeline = pipeline.init_model("net", dict).run_later(4)
    pipeline.before.update(V("total"), 0)
    text = pipeline.explain()
    assert text.startswith("over Dataset of 10 items, batches of class Scans\n")
    assert "config: rate=0.5" in text
    assert "variables: 'total'" in text
    assert "models: 'net'" in text
    assert "before each run: update(V('total'), 0)" in text
    assert "run(4)" in text
    assert repr(text) == text


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda p: p.scale(2), "action of Scans"),
        (lambda p: p.scale(C("f")), "expressions in 0"),
        (lambda p: p.scale(factor=B.size), "expressions in factor"),
        (lambda p: p.visit(), "for each of 'indices', target 'for'"),
        (lambda p: p.visit(target="threads"), "target 'threads'"),
        (lambda p: p.invert(), "for each item, images in place, target 'for'"),
        (lambda p: p.invert(dst="masks"), "images to masks"),
        (lambda p: p.guarded(), "in their order (lock)"),
        (lambda p: p.guarded(), "with target='mpc' at home"),
        (lambda p: p.scale(2), "with target='mpc' in a worker"),
        (lambda p: p.add_namespace(math).sqrt(2, save_to=B.x), "function math.sqrt of a namespace"),
        (lambda p: p.call(len, B(), save_to=V("n")), "calls len"),
        (lambda p: p.call(len, B(), save_to=V("n")), "result to V('n')"),
        (lambda p: p.call(len, B(), save_to=V("n")), "stored in the order of the batches"),
        (lambda p: p.update(V("n"), B.size), "stores B.size to V('n')"),
        (lambda p: p.update(V("n"), B.size), "in the order of the batches"),
        (lambda p: p.print(1), "prints"),
        (lambda p: p.discard_batch(), "yields None"),
        (lambda p: p.acquire_lock("one"), "takes the lock 'one'"),
        (lambda p: p.release_lock("one"), "releases the lock 'one'"),
        (lambda p: p.train_model("net", B.images), "trains model 'net'"),
        (lambda p: p.predict_model("net", B.images), "predicts with model 'net'"),
        (lambda p: p.save_model("net", "path"), "saves model 'net'"),
        (lambda p: p.load_model("net", "path"), "loads model 'net'"),
        (lambda p: p.import_model("net", Pipeline()), "shares model 'net'"),
        (lambda p: p.scale(2) @ 0.5, "with a chance of 0.5"),
        (lambda p: p.scale(2) * 3, "3 times"),
        (
            lambda p: p.apply_parallel(kernels.clip.bind(low=0), src="images", dst="masks"),
            "native: kernel clip(low=0), images to masks",
        ),
        (lambda p: p.apply_parallel(abs, src="images"), "abs for each item, images in place"),
        (
            lambda p: p.apply_parallel(kernels.flip, src=["images", "masks"]),
            "native: flip, images, masks in place",
        ),
        (lambda p: p.clip_natively(dst="images"), "native: a kernel made from the batch"),
    ],
)
def test_what_is_said_of_a_step(scans, write, said):
    assert said in line(write(scans.p), 0)


def test_the_class_is_not_taken_for_granted(scans):
    pipeline = scans.p.scale(2).visit()
    assert "if batches are still of that class" in line(pipeline, 1)
    assert "if batches" not in line(scans.p.visit().scale(2), 1)
    assert "looked up" in line(Pipeline().anything(), 0)
    assert "unknown: Scans" in line(scans >> Pipeline().anything(), 0)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda p: p.shift(3, src="masks"), "for each item, masks in place, target 'for'"),
        (lambda p: p.shift(3, dst="masks"), "for each item, images to masks, target 'for'"),
        (
            lambda p: p.rotate(3, src=["images", "masks"]),
            "images, masks in place, by a kernel if one does that to these images, else target",
        ),
        (lambda p: p.rotate(3, target="threads"), "images in place, target 'threads'"),
        (lambda p: p.rotate(3, src="masks"), "native: kernel rotate"),
        (lambda p: p.apply_parallel(kernels.flip), "native: flip, images in place"),
        (lambda p: p.apply_parallel(abs, src="masks"), "abs for each item, masks in place"),
    ],
)
def test_what_is_said_of_images(write, said):
    images = np.ones((10, 4, 4))
    dataset = Dataset(10, ImagesBatch, preloaded={"images": images, "masks": images})
    assert said in line(write(dataset.p), 0)


def test_a_chain_that_processes_cannot_share_says_so(scans):
    assert "target='mpc' is refused" in line(scans.p.guarded().scale(2), 0)


def test_nested_joined_rebatched_and_merged_pipelines_are_shown(scans):
    nested = scans.p + Pipeline().scale(5).visit() * 2
    assert "pipeline of 2 steps" in nested.explain()
    assert "scale(5)" in nested.explain()
    joined = scans.p.join(scans.p.scale(7)).call(print)
    assert "batches of 1 joined pipeline(s)" in joined.explain()
    assert "scale(7)" in joined.explain()
    again = scans.p.scale(3).rebatch(C("size"), components="images").scale(4)
    text = again.explain()
    assert text.index("scale(3)") < text.index("made by rebatch") < text.index("scale(4)")
    assert "C('size')" in text
    assert "'images' alone" in text
    merged = scans.p.scale(3).merge(scans.p.scale(6), merge=max).scale(4)
    assert "by max" in merged.explain()
    assert merged.explain().index("merged in") < merged.explain().index("scale(6)")


def test_a_join_that_nothing_follows_is_noted(scans):
    assert "none follows" in scans.p.join(scans.p).explain()


def test_the_chain_as_it_was_written(scans):
    pipeline = (scans >> Pipeline(config={"f": 2})).init_variable("n", 0).init_variable("l")
    pipeline = pipeline.init_variable("m", factory=list).init_model("net", dict)
    pipeline = pipeline.scale(C("f")).rebatch(5, components="images").merge(scans.p).visit()
    pipeline.before.update(V("n"), 0)
    pipeline.after.call(print, V("n"))
    assert repr(pipeline.run_later(4, shuffle=True)).splitlines() == [
        "Pipeline(Dataset, config={'f': 2})",
        "    .init_variable('n', 0)",
        "    .init_variable('l')",
        "    .init_variable('m', list)",
        "    .init_model('net')",
        "    .scale(C('f'))",
        "    .rebatch(5, components='images')",
        "    .merge(Pipeline)",
        "    .visit()",
        "    .before.update(V('n'), 0)",
        "    .after.call(print, V('n'))",
        "    .run_later(4, shuffle=True)",
    ]


def test_html_is_whole_and_escaped(scans, read_page):
    evil = "<script>alert('x')</script>"
    pipeline = (scans >> Pipeline(config={evil: evil})).init_variable(evil, evil)
    pipeline = pipeline.scale(evil).update(V(evil), evil) + Pipeline().scale(evil).visit() * 2
    pipeline = pipeline.join(scans.p.scale(evil)).call(print, evil).rebatch(5)
    pipeline = pipeline.merge(scans.p.scale(evil))
    pipeline.before.call(print, evil)
    text = pipeline._repr_html_()
    tags = read_page(text).tags
    assert {"svg", "table"} <= tags
    assert "script" not in tags
    assert not {"a", "link", "img", "iframe", "style"} & tags
    assert "&lt;script&gt;" in text
    assert "http" not in text


def test_html_shows_steps_and_what_they_do(scans):
    text = scans.p.scale(2).rebatch(5)._repr_html_()
    for part in ("Pipeline", "0.scale", "scale(2)", "action of Scans", "made by rebatch"):
        assert part in text


@pytest.mark.parametrize("show", [repr, Pipeline.explain, Pipeline._repr_html_])
def test_nothing_is_computed_and_nothing_runs(show):
    def bomb(*args, **kwargs):
        raise AssertionError("was called")

    class Bomb:
        def __repr__(self):
            raise RuntimeError("no repr")

    expression = F(bomb)(B.images)
    pipeline = Pipeline(expression, config={"x": expression}).scale(expression, Bomb())
    pipeline = pipeline.init_variable("n", factory=dict).call(bomb, expression, save_to=expression)
    pipeline = (pipeline @ expression).rebatch(expression, merge=bomb)
    pipeline.before.call(bomb)
    assert "bomb" in show(pipeline)
    assert "<Bomb>" in repr(pipeline)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("show", [repr, Pipeline.explain, Pipeline._repr_html_])
def test_large_arguments_cost_nothing(scans, show):
    table = np.zeros((3000, 1000))
    things = np.empty(10**6, object)
    large = [table, things, list(range(10**6)), {n: n for n in range(10**6)}, "x" * 10**7]
    large += [set(range(10**6)), P(list(range(10**6))), B.images + things, F(len)(large[2])]
    pipeline = scans.p
    for one in large:
        pipeline = pipeline.scale(one).call(len, one).update(V("x"), one)
    pipeline = (pipeline << {"a": table}).init_variable("x", things).run_later(x=table)
    began = time.perf_counter()
    text = show(pipeline)
    assert time.perf_counter() - began < 2
    assert len(text) < 60_000
    assert "3000x1000" in text


def clip(pipeline, src="images", **kwargs):
    return pipeline.apply_parallel(kernels.clip.bind(low=0, high=1), src=src, **kwargs)


def groups(pipeline):
    return [list(group) for group in Plan(pipeline).groups]


def test_neighbouring_kernels_on_one_component_are_marked(scans):
    pipeline = clip(clip(clip(scans.p.do_nothing()))).scale(2)
    pipeline = clip(clip(pipeline))
    assert groups(pipeline) == [[1, 2, 3], [5, 6]]
    assert "fusible: one pass with steps 1 to 3" in line(pipeline, 2)
    assert "fusible" not in line(pipeline, 4)


def test_kernels_for_some_of_the_items_are_marked(scans):
    assert groups(clip(clip(scans.p), p=0.5)) == [[0, 1]]


@pytest.mark.parametrize(
    "second",
    [
        lambda p: clip(p, src="masks"),
        lambda p: clip(p, dst="masks"),
        lambda p: clip(p, n_workers=1),
        lambda p: clip(p, timeout=1),
        lambda p: clip(p, init="images"),
        lambda p: clip(p, post=len),
        lambda p: clip(p, src=["images", "masks"]),
        lambda p: p + Pipeline().apply_parallel(kernels.clip.bind(low=0), src="images") @ 0.5,
        lambda p: p + Pipeline().apply_parallel(kernels.clip.bind(low=0), src="images") * 2,
        lambda p: p.apply_parallel(abs, src="images"),
        lambda p: p.apply_parallel(kernels.clip, low=B.images.min(), src="images"),
        lambda p: p.apply_parallel(kernels.clip.bind(low=P(B.images)), src="images"),
        lambda p: p.apply_parallel(kernels.clip, low=F(float)(0), src="images"),
        lambda p: clip(p.join(p)),
        lambda p: p.clip_natively(dst="images"),
        lambda p: p.scale(2),
    ],
)
def test_steps_that_do_not_belong_together(scans, second):
    assert groups(second(clip(scans.p))) == []


@pytest.mark.parametrize(
    "second",
    [
        lambda p: clip(p),
        lambda p: clip(p, p=1),
        lambda p: clip(p, dst="images"),
        lambda p: p.apply_parallel(kernels.clip, low=C("low"), src="images"),
        lambda p: p.apply_parallel(kernels.scale_shift.bind(shift=P(R("normal"))), src="images"),
    ],
)
def test_steps_that_belong_together(scans, second):
    assert groups(second(clip(scans.p))) == [[0, 1]]


def test_the_first_step_may_read_another_component_and_the_batch(scans):
    assert groups(clip(clip(scans.p, src="masks", dst="images"))) == [[0, 1]]
    first = scans.p.apply_parallel(kernels.clip, low=B.images.min(), src="images")
    assert groups(clip(first)) == [[0, 1]]
    assert groups(clip(scans.p.clip_natively(dst="images"))) == [[0, 1]]


def test_a_class_with_ideas_of_its_own_has_no_groups():
    class Own(Scans):
        def apply_parallel(self, func, *args, **kwargs):
            return super().apply_parallel(func, *args, **kwargs)

    dataset = Dataset(4, Own, preloaded=(np.ones(4), np.ones(4)))
    assert groups(clip(clip(dataset.p))) == []


def test_groups_within_nested_pipelines_and_after_rebatch(scans):
    nested = Pipeline() + clip(clip(Pipeline().do_nothing())) * 2
    assert "fusible: one pass with steps 1 to 2" in (scans >> nested).explain()
    again = clip(clip(scans.p.scale(2).rebatch(5)))
    assert groups(again) == [[0, 1]]


def test_without_fusion_there_are_no_groups(scans):
    inner = clip(clip(Pipeline()))
    chains = (
        clip(clip(scans.p)),
        scans >> (Pipeline() + inner * 2),
        clip(clip(scans.p)).rebatch(5),
        scans.p.merge(clip(clip(scans.p))),
        scans.p.join(clip(clip(scans.p))).call(print),
    )
    for chain in chains:
        assert "one pass" in chain.explain()
        assert chain.explain(fuse=True) == chain.explain()
        apart = chain.explain(fuse=False)
        assert "one pass" not in apart
        assert apart.splitlines()[0] == chain.explain().splitlines()[0]
        assert apart.count("native: kernel") == chain.explain().count("native: kernel") == 2
