"""Which names a chain accepts, and when it refuses others."""

import math
import types

import numpy as np
import pytest

import ironbatch
from ironbatch import (
    B,
    C,
    Config,
    Dataset,
    Pipeline,
    V,
    action,
    apply_parallel,
    inbatch_parallel,
    kernels,
)


class Cells(ironbatch.Batch):
    components = ("values",)

    @action
    def grow(self):
        return self

    @inbatch_parallel(init="indices", target="for")
    def visit(self, item):
        pass

    @inbatch_parallel(init="indices", post="to_tissue", target="for")
    def gather(self, item):
        return item

    @apply_parallel(src="values", target="for")
    def invert(self, value):
        return -value

    def to_tissue(self, results=None):
        return Tissue.from_data(self.index, (self.values,))


class Tissue(ironbatch.Batch):
    components = ("values",)

    @action
    def stain(self):
        return self


@pytest.fixture
def cells():
    return Dataset(4, Cells, preloaded=np.arange(4.0))


def test_near_names_are_listed(cells):
    with pytest.raises(AttributeError, match=r"Cells has no action 'invrt'.*near names: invert"):
        cells.p.invrt()


@pytest.mark.parametrize(
    "write",
    [
        lambda p: p.do_nothing(),
        lambda p: p.visit(),
        lambda p: p.invert(),
        lambda p: p.apply_parallel(kernels.clip.bind(low=0), src="values"),
        lambda p: p.update(V("x"), 1),
        lambda p: p.print(),
        lambda p: p.call(len, B(), save_to=V("x")),
        lambda p: p.add_namespace(math).sqrt(4, save_to=V("x")),
        lambda p: p + Pipeline().visit().invert() * 2,
        lambda p: p.visit().rebatch(2),
        lambda p: p.merge(p),
        lambda p: p.join(p).call(len, save_to=V("x")),
        lambda p: p.grow().rebatch(2, batch_class=Cells),
    ],
)
def test_the_class_is_known_after_steps_that_keep_it(cells, write):
    pipeline = write(cells.p)
    assert pipeline.grow().num_actions == pipeline.num_actions + 1
    with pytest.raises(AttributeError, match="'stain'"):
        pipeline.stain()


@pytest.mark.parametrize(
    "write",
    [
        lambda p: p.grow(),
        lambda p: p.gather(),
        lambda p: p.invert(post="to_tissue"),
        lambda p: p.call(Cells.to_tissue, B()),
        lambda p: p + Pipeline().grow() * 2,
        lambda p: p.grow().rebatch(2),
        lambda p: p.rebatch(2, merge=Cells.merge),
    ],
)
def test_actions_that_may_change_the_class_open_the_way(cells, write):
    pipeline = write(cells.p)
    assert pipeline.stain().num_actions == pipeline.num_actions + 1
    assert pipeline.grow().num_actions == pipeline.num_actions + 1
    with pytest.raises(AttributeError, match=r"near names: grow.*another class"):
        pipeline.gro()


def test_the_class_that_rebatch_gives_counts(cells):
    assert cells.p.rebatch(2, batch_class=Tissue).stain().num_actions == 1
    with pytest.raises(AttributeError, match="Tissue has no action 'grow'"):
        cells.p.rebatch(2, batch_class=Tissue).grow()
    with pytest.raises(AttributeError, match="Tissue has no action 'grow'"):
        cells.p.merge(cells.p, batch_class=Tissue).grow()


def test_a_template_is_checked_when_the_first_batch_comes(cells):
    template = Pipeline().gro()
    pipeline = cells >> template
    with pytest.raises(AttributeError, match="near names: grow"):
        pipeline.next_batch(2)
    with pytest.raises(AttributeError, match="'gro2'"):
        pipeline.gro2()


def test_a_dataset_that_is_an_expression_is_not_computed(cells):
    def choose():
        raise AssertionError("was computed")

    assert (Pipeline(ironbatch.F(choose))).anything().num_actions == 1


@pytest.mark.parametrize("name", ["_private", "__dunder__"])
@pytest.mark.parametrize("start", [Pipeline, lambda: Dataset(3).p])
def test_private_names_are_no_actions(start, name):
    with pytest.raises(AttributeError, match=name):
        getattr(start(), name)


def test_a_component_is_no_action(cells):
    with pytest.raises(AttributeError, match="'values'"):
        cells.p.values(3)


def test_functions_classes_and_methods_of_namespaces(cells):
    class Sum:
        def __init__(self, values):
            self.total = values.sum()

    space = types.SimpleNamespace(Sum=Sum, twice=lambda one: 2 * one, limit=3)
    pipeline = cells.p.add_namespace(space, math)
    batch = pipeline.Sum(B.values, save_to=B.made).next_batch(4)
    assert batch.made.total == 6
    batch = pipeline.twice(B.values, save_to=B.values).sqrt(16, save_to=B.root).next_batch(4)
    assert (batch.values.tolist(), batch.root) == ([0, 2, 4, 6], 4)
    with pytest.raises(AttributeError, match="'limit'"):
        pipeline.limit()
    with pytest.raises(AttributeError, match="near names: twice"):
        pipeline.twic()


def test_an_action_goes_before_a_function_of_the_same_name(cells):
    space = types.SimpleNamespace(invert=lambda: 1 / 0)
    assert cells.p.add_namespace(space).invert().next_batch(2).values.tolist() == [0, -1]


def test_functions_of_the_main_module_need_no_namespace(cells, monkeypatch):
    import __main__

    monkeypatch.setattr(__main__, "half_of", lambda values: values / 2, raising=False)
    batch = cells.p.half_of(B.values, save_to=B.values).next_batch(4)
    assert batch.values.tolist() == [0, 0.5, 1, 1.5]


def test_methods_of_pipelines_are_no_actions(cells):
    """A batch has a method `merge`; in a chain it is that of pipelines."""
    for name in ("merge", "join"):
        with pytest.raises(TypeError, match="pipeline"):
            getattr(cells.p, name)("values")


def test_names_are_offered_for_completion(cells):
    assert {"invert", "run", "do_nothing"} <= set(dir(cells.p))
    assert "stain" not in dir(cells.p)
    assert "invert" not in dir(Pipeline())


@pytest.mark.parametrize(
    ("ask", "near"),
    [
        (lambda p: p.get_variable("losss"), "loss"),
        (lambda p: p.delete_variable("los"), "loss"),
        (lambda p: p.update(V("lss"), 1).next_batch(2), "loss"),
        (lambda p: p.get_model_by_name("resne"), "resnet"),
        (lambda p: p.train_model("resnt").next_batch(2), "resnet"),
        (lambda p: p.call(print, C("rat")).next_batch(2), "rate"),
        (lambda p: p.call(print, C("net/dept")).next_batch(2), "net/depth"),
        (lambda p: p.config["rte"], "rate"),
    ],
)
def test_unknown_names_of_declarations_come_with_near_ones(cells, ask, near):
    config = {"rate": 1, "net/depth": 2}
    pipeline = Pipeline(cells, strict=True, config=config).init_variable("loss", 0)
    pipeline = pipeline.init_model("resnet", dict)
    with pytest.raises(KeyError, match=f"near names: {near}"):
        ask(pipeline)


def test_an_unknown_attribute_of_the_dataset_comes_with_near_ones():
    dataset = Dataset(4, Cells, gain=2)
    with pytest.raises(AttributeError) as caught:
        dataset.p.call(print, ironbatch.D("gian")).next_batch(2)
    assert "near names: gain" in "".join([str(caught.value), *caught.value.__notes__])


def test_config_of_a_pipeline_is_merged_and_replaced():
    pipeline = Pipeline().set_config({"net/depth": 1}).set_config({"net": {"width": 2}})
    assert pipeline.config.flatten() == {"net/depth": 1, "net/width": 2}
    pipeline.update_config(Config({"net/depth": 3}))
    assert pipeline.config["net/depth"] == 3
    assert pipeline.set_config({"a": 1}, clear=True).config.flatten() == {"a": 1}
