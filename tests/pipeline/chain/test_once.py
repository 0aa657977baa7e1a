import pytest

from ironbatch import B, F, Pipeline, V


def test_steps_before_and_after_a_run(dataset):
    log: list[str] = []
    pipeline = dataset.p.call(lambda: log.append("batch"))
    pipeline.before.call(log.append, "before")
    pipeline.after.call(log.append, "after")
    pipeline.run(5)
    assert log == ["before", "batch", "batch", "after"]


def test_steps_run_for_every_run_of_every_pipeline_made_of_it(dataset):
    pipeline = dataset.p.init_variable("n", 0)
    pipeline.before.update(V("n"), V("n") + 1)
    longer = pipeline.do_nothing()
    assert longer.run(5).run(5).v("n") == 2


def test_a_variable_is_set_at_each_run(dataset):
    pipeline = dataset.p.init_variable("n", 5).update(V("n"), V("n") + B.size)
    pipeline.before.init_variable("n", F(lambda: 100), lock=False)
    assert pipeline.run(5).run(5).v("n") == 110


def test_functions_of_namespaces(dataset):
    import math

    pipeline = dataset.p.init_variables("root", "copy").add_namespace(math)
    pipeline.after.sqrt(16, save_to=V("root")).save_to(V("copy"), 7)
    assert pipeline.run(5).v("root") == 4
    assert pipeline.v("copy") == 7
    with pytest.raises(AttributeError, match="sqrrt"):
        pipeline.before.sqrrt(1)


def test_locks_and_models(dataset, tmp_path):
    class Model:
        def __init__(self, config):
            self.value = config.get("value", 0)

        def save(self, path):
            path.write_text(str(self.value))

        def load(self, path):
            self.value = int(path.read_text())

    path = tmp_path / "model"
    pipeline = dataset.p.do_nothing()
    pipeline.before.init_lock("a").init_model("m", Model, config={"value": 3})
    pipeline.after.save_model("m", path)
    pipeline.run(5)
    assert path.read_text() == "3"
    other = dataset.p.do_nothing()
    other.before.import_model("m", pipeline).init_model("k", Model, "static").load_model("k", path)
    other.run(5)
    assert other.m("m") is pipeline.m("m")
    assert other.m("k").value == 3


def test_an_error_names_the_step(dataset):
    pipeline = dataset.p.do_nothing()
    pipeline.before.call(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        pipeline.run(5)
    assert any("step 'call' before or after" in note for note in caught.value.__notes__)


def test_sums_join_the_steps(dataset):
    log: list[str] = []
    first, second = Pipeline(), Pipeline()
    first.before.call(log.append, 1)
    second.before.call(log.append, 2)
    (dataset >> (first.do_nothing() + second)).run(10)
    (dataset >> (first.before + second)).run(10)
    assert log == [1, 2, 1, 2]
