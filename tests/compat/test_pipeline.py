"""Pipelines: BatchFlow's order, and the private names that projects read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from enum import Enum, auto
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from ironbatch import B, C, D, F, V
from ironbatch.compat.actions import as_dict, as_step
from ironbatch.compat.batch import Batch
from ironbatch.compat.config import Config
from ironbatch.compat.dataset import Dataset
from ironbatch.compat.named_expr import NamedExpression, _DummyBatch, eval_expr
from ironbatch.compat.pipeline import Pipeline


class Numbers(Batch):
    components = ("values",)

    def scale(self, factor: float = 2) -> Batch:
        self.values = self.values * factor
        return self


class Model:
    def __init__(self, config: Any) -> None:
        self.config = config

    def train(self, *args: Any) -> Any:
        return args

    def load(self, path: str) -> None:
        self.path = path


def ids(pipeline: Any, *args: Any, **kwargs: Any) -> list[list[int]]:
    return [batch.indices.tolist() for batch in pipeline.gen_batch(*args, **kwargs)]


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(10, Numbers, preloaded=np.arange(10))


ORDERS = """
import json
import numpy as np
from batchflow import Dataset
def ids(batches):
    return [batch.indices.tolist() for batch in batches]
out = []
ends = {"n_epochs": 1}, {"n_epochs": 3}, {"n_epochs": 2, "drop_last": True}, {"n_iters": 4}
for n, size, end in zip((10, 7, 9, 5), (4, 3, 4, 5), ends):
    for shuffle in (False, 0, 1, 42, -3):
        out.append(ids(Dataset(n).p.do_nothing().gen_batch(size, shuffle=shuffle, **end)))
        if shuffle is False or shuffle >= 0:
            out.append(ids(Dataset(n).gen_batch(size, shuffle=shuffle, **end)))
for seed in (np.random.SeedSequence(5), np.random.default_rng(5), np.random.RandomState(5)):
    out.append(ids(Dataset(8).gen_batch(3, shuffle=seed, n_epochs=3)))
dataset = Dataset([f"i{k}" for k in range(11)])
dataset.split([0.5, 0.3], shuffle=4)
out += [dataset.train.indices.tolist(), dataset.test.indices.tolist()]
out.append(ids(dataset.train.p.gen_batch(2, shuffle=3)))
pipeline = dataset.p.do_nothing()
out.append([pipeline.next_batch(4, shuffle=6).indices.tolist() for _ in range(5)])
print(json.dumps(out))
"""


@pytest.mark.skipif(
    find_spec("batchflow") is None, reason="needs batchflow; pip install 'ironbatch[bench]'"
)
def test_batches_are_those_of_batchflow(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    install = "from ironbatch.compat import install_as_batchflow; install_as_batchflow()\n"
    here, there = (run_python("-W", "ignore", "-c", code) for code in (install + ORDERS, ORDERS))
    assert json.loads(here.stdout) == json.loads(there.stdout.splitlines()[-1])


def test_an_order_that_is_given_wins(dataset: Dataset) -> None:
    numpys = ids(dataset.p, 4, shuffle=3)
    assert ids(dataset.p, 4, shuffle=3, order="numpy") == numpys
    assert ids(dataset.p, 4, shuffle=3, order="native") != numpys
    assert ids(dataset.p << {"seed": 3}, 4, shuffle=C("seed")) == numpys
    assert ids(dataset.p, 4, shuffle=np.int64(3)) == numpys
    assert ids(dataset.p, 4, shuffle=3, prefetch=2) == numpys
    assert ids(dataset.p, 4, shuffle=-3) == ids(dataset.p, 4)


def test_seeds_seed_random_numbers_too(dataset: Dataset) -> None:
    def draws(**kwargs: Any) -> list[float]:
        return [batch.random.random() for batch in dataset.p.gen_batch(5, **kwargs)]

    assert draws(shuffle=3) == draws(shuffle=3)
    assert draws(shuffle=3) != draws(shuffle=4)
    assert draws(shuffle=-3) == draws(shuffle=-3)
    assert draws(shuffle=3, seed=8) == draws(shuffle=4, seed=8)


def test_a_run_goes_on_from_its_state(dataset: Dataset) -> None:
    pipeline = dataset.p.scale()
    batches = pipeline.gen_batch(3, shuffle=5, n_epochs=2)
    next(batches)
    state = pipeline.state_dict()
    rest = [batch.indices.tolist() for batch in batches]
    assert ids(dataset.p.scale().load_state_dict(state)) == rest


def test_actions_as_dictionaries_and_back(dataset: Dataset) -> None:
    other = dataset.p.scale(3)
    pipeline = (
        dataset.p.init_variable("n", 0)
        .scale(4, factor=C("f"))
        .call(len, B(), save_to=V("n"))
        .update(V("n"), 5)
        .print("x")
        .import_model("m", Model)
        .train_model("m", B.values, save_to=V("n"))
        .predict_model("m", 1, k=2)
        .acquire_lock("l")
        .release_lock("l")
        .join(other)
        .scale()
    ) + (Pipeline().scale(7) @ 0.5)
    actions = pipeline._actions
    names = [action["name"] for action in actions]
    assert names == [
        "scale",
        "#_call",
        "#_update",
        "#_print",
        "#_import_model",
        "#_train_model",
        "#_predict_model",
        "#_acquire_lock",
        "#_release_lock",
        "#_join",
        "scale",
        "scale",
    ]
    assert actions[0]["args"] == (4,)
    assert actions[0]["kwargs"].keys() == {"factor"}
    assert actions[1]["fn"] is len
    assert actions[2]["value"] == 5
    assert actions[4] | {"source": None} == {
        "name": "#_import_model",
        "args": (),
        "kwargs": {},
        "proba": None,
        "repeat": None,
        "model_name": "m",
        "source": None,
    }
    assert actions[5]["model_name"] == "m"
    assert actions[6]["kwargs"] == {"k": 2}
    assert actions[7]["lock_name"] == "l"
    assert actions[9]["pipelines"] == (other,)
    assert actions[-1]["proba"] == 0.5

    for step in pipeline.steps:
        again = as_step(as_dict(step))
        assert again.kind == step.kind
        for name in ("save_to", "proba", "repeat", "nested"):
            assert getattr(again, name) is getattr(step, name), name
        assert list(map(id, again.args)) == list(map(id, step.args))
        assert again.kwargs == step.kwargs
    assert as_step(pipeline.steps[0]) is pipeline.steps[0]
    nested = as_step(as_dict((dataset.p.scale().scale() * 2).steps[0]))
    assert nested.repeat == 2
    with pytest.raises(ValueError, match="kind '#_merge' cannot be taken over"):
        as_step({"name": "#_merge", "pipelines": ()})
    with pytest.raises(TypeError, match="an action is a dictionary with name, args and kwargs"):
        as_step(3)  # type: ignore[arg-type]


def test_part_of_a_pipeline(dataset: Dataset) -> None:
    pipeline = dataset.p.scale(2).scale(3).scale(5)
    part = Pipeline(pipeline=pipeline, actions=pipeline._actions[:2])
    assert part.next_batch(3).values.tolist() == [0, 6, 12]
    assert part.execute_for(dataset.next_batch(2)).values.tolist() == [0, 6]
    pipeline._actions = pipeline._actions[1:]
    assert pipeline.next_batch(2).values.tolist() == [0, 15]
    assert Pipeline.from_pipeline(part, repeat=2).next_batch(2).values.tolist() == [0, 36]
    assert Pipeline.from_pipeline(part, proba=0.0).next_batch(2).values.tolist() == [0, 1]
    assert len(Pipeline.concat(part, part)._actions) == 4
    added = dataset.p._add_action("scale", factor=4)
    assert added.next_batch(2).values.tolist() == [0, 4]
    grown = dataset.p.scale(2)
    assert grown.append_pipeline(part) is grown
    assert grown.next_batch(2).values.tolist() == [0, 12]
    once = dataset.p.scale() @ 0.5
    assert (once.get_last_action_proba(), once.get_last_action_repeat()) == (0.5, None)


def test_a_rebatch_stays_where_it_is(dataset: Dataset) -> None:
    pipeline = dataset.p.scale().rebatch(4).scale(3)
    first = pipeline._actions[0]
    assert (first["name"], first["batch_size"]) == ("#_rebatch", 4)
    assert first["pipeline"]._actions[0]["name"] == "scale"
    pipeline._actions = pipeline._actions
    assert next(pipeline.gen_batch(3)).values.tolist() == [0, 6, 12, 18]


def test_expressions_for_a_batch(dataset: Dataset) -> None:
    pipeline = dataset.pipeline({"f": 3}).init_variable("n", 5)
    batch = pipeline.next_batch(2)
    assert pipeline._eval_expr([C("f"), V("n"), B.size], batch=batch) == [3, 5, 2]
    assert pipeline._eval_expr({"a": V("n")}) == {"a": 5}


def test_functions_of_the_dataset_and_of_modules_by_name(dataset: Dataset) -> None:
    dataset.shift = lambda values: values + 100  # type: ignore[attr-defined]
    pipeline = dataset.p.add_namespace("math").shift(B.values, save_to=B.values)
    assert pipeline.floor(2.5, save_to=B.floor).next_batch(2).floor == 2
    assert pipeline.next_batch(2).values.tolist() == [100, 101]
    assert pipeline.is_method_from_ns("floor")
    assert not pipeline.is_method_from_ns("flour")
    assert pipeline.get_method("floor")(1.5) == 1


class Phase(Enum):
    TRAIN = auto()


def test_variables(dataset: Dataset) -> None:
    pipeline = dataset.p.init_variable(Phase.TRAIN, 1).update(V(Phase.TRAIN), V(Phase.TRAIN) + 1)
    pipeline.run(5, n_epochs=1)
    assert pipeline.v(Phase.TRAIN) == 3
    assert pipeline.get_variable("new", default=4) == 4
    assert pipeline.v("newer", 5) == 5
    assert pipeline.get_variable("newest", create=True) is None
    assert pipeline.del_variable("new").has_variable("new") is False
    updating = dataset.p.init_variable("seen", []).update_variable("seen", B.size, mode="a")
    assert updating.run(4).v("seen") == [4, 4, 2]


def test_reset(dataset: Dataset) -> None:
    pipeline = dataset.p.init_variable("n", 0).update(V("n"), 7)
    first = pipeline.next_batch(4).indices.tolist()
    assert pipeline.reset(False).next_batch(4).indices.tolist() != first
    assert pipeline.reset(True).next_batch(4).indices.tolist() == first
    pipeline.reset(["iter", "vars"], seed=3, profile=True)
    assert pipeline.v("n") == 0


def test_models_that_load_themselves(dataset: Dataset) -> None:
    pipeline = dataset.p.load_model("m", Model, path="here", build=True).do_nothing()
    assert dict(pipeline.m("m").config.flatten()) == {"load/path": "here", "build": True}
    now = dataset.p.load_model_now("m", Model, path="there")
    assert now.m(F(lambda: "m")).config["load/path"] == "there"
    declared = dataset.p.init_model("m", Model).load_model("m", path="file").do_nothing()
    declared.next_batch(2)
    assert declared.m("m").path == "file"
    declared.load_model_now("m", path="again")
    assert declared.m("m").path == "again"


class Doubled(NamedExpression):
    def get(self, **kwargs: Any) -> Any:
        name, kwargs = self._get_params(**kwargs)
        return 2 * getattr(kwargs["batch"], name)

    def assign(self, value: Any, **kwargs: Any) -> None:
        name, kwargs = self._get_params(**kwargs)
        setattr(kwargs["batch"], name, value / 2)


class OldStyle(NamedExpression):
    def __init__(self, name: Any = None, mode: str = "w", copy: bool = False) -> None:
        super().__init__(name, mode)
        self.copy = copy

    def get(self, batch: Any = None, pipeline: Any = None, model: Any = None) -> Any:
        if self.params:
            batch, pipeline, model = self.params
        name = super()._get_name(batch=batch, pipeline=pipeline, model=model)
        return isinstance(batch, _DummyBatch), name


def test_expressions_of_a_project(dataset: Dataset) -> None:
    batch = (
        dataset.p.init_variable("name", "size")
        .update(B.twice, Doubled("size") + 1)
        .update(B.named, Doubled(V("name")))
        .update(Doubled("half"), 9)
        .update(B.old, OldStyle(V("name")))
    ).next_batch(3)
    assert (batch.twice, batch.named, batch.half) == (7, 6, 4.5)
    assert batch.old == (False, "size")
    assert OldStyle("x").get() == (False, "x")
    assert eval_expr(OldStyle("x")) == (True, "x")


def test_expressions_of_a_project_that_are_bound(dataset: Dataset) -> None:
    batch = dataset.next_batch(4)
    expression = Doubled("size")
    expression.set_params(batch=batch)
    assert expression.get() == 8
    assert expression.params == {"batch": batch}
    expression.name = "level"
    batch.level = 5
    assert (expression.get(), eval_expr(expression)) == (10, 10)
    Doubled("half").set(8, batch=batch)
    assert batch.half == 4


def test_every_expression_is_an_instance_of_the_base() -> None:
    assert all(
        isinstance(one, NamedExpression) for one in (B.x, V("x"), Doubled("x"), B.x + 1, D())
    )
    assert not isinstance(3, NamedExpression)
    assert not isinstance(B.x, Doubled)
    assert issubclass(V, NamedExpression)
    assert not issubclass(V, Doubled)
    with pytest.raises(NotImplementedError, match="NamedExpression defines no get"):
        eval_expr(NamedExpression("x"))


def test_what_stands_for_a_batch(dataset: Dataset) -> None:
    dummy = _DummyBatch(dataset.p)
    assert dummy.dataset is dataset
    assert dummy.indices.tolist() == list(range(10))
    assert _DummyBatch(None).indices is None


def test_config_gives_its_dictionary() -> None:
    config = Config({"a/b": 1})
    config.config["a"]["c"] = 2
    assert config["a/c"] == 2
