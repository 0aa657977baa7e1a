import pickle
import threading
import time

import numpy as np
import pytest

import ironbatch
from ironbatch import B, C, Dataset, F, M, Pipeline, V, action
from ironbatch.pipeline import Model


class Mean:
    """A model that knows the mean of all it has seen."""

    made = 0

    def __init__(self, config):
        type(self).made += 1
        self.config = config
        self.seen = []

    def train(self, values, weight=1):
        self.seen.extend((values * weight).tolist())
        return len(self.seen)

    def predict(self, values):
        return np.full(len(values), np.mean(self.seen))

    def reset(self):
        self.seen = []

    def save(self, path):
        path.write_text(repr(self.seen))

    def load(self, path):
        self.seen = eval(path.read_text())


class Trained(ironbatch.Batch):
    components = "values", "predictions"

    @action
    def train_by_hand(self, name):
        self.get_model_by_name(name).train(self.values)
        return self

    @action
    def wait_for_others(self):
        time.sleep(0.02 if self.indices[0] == 0 else 0)
        return self

    @action
    def fail_first(self):
        if self.indices[0] == 0:
            raise ValueError("the first batch fails")
        return self


@pytest.fixture
def dataset():
    return Dataset(6, Trained, preloaded=(np.arange(6.0), None))


def test_the_class_is_a_model():
    assert isinstance(Mean({}), Model)


def test_an_action_gets_a_model_by_its_name(dataset):
    pipeline = dataset.p.init_model("mean", Mean).train_by_hand("mean").run(2)
    assert pipeline.get_model_by_name("mean").seen == [0, 1, 2, 3, 4, 5]
    assert pipeline.m("mean") is pipeline.model


def test_a_batch_without_pipeline_has_no_models(dataset):
    with pytest.raises(ValueError, match="no pipeline"):
        dataset.create_batch([1]).get_model_by_name("mean")


@pytest.mark.parametrize("prefetch", [0, 4])
def test_training_and_predicting(dataset, prefetch):
    pipeline = dataset.p.init_model("mean", Mean).init_variable("n", [])
    pipeline = pipeline.train_model("mean", B.values, weight=2, save_to=V("n", mode="a"))
    pipeline = pipeline.predict_model("mean", B.values, save_to=B.predictions)
    batches = list(pipeline.gen_batch(2, prefetch=prefetch))
    assert pipeline.v("n") == [2, 4, 6]
    assert [batch.predictions[0] for batch in batches] == [1.0, 3.0, 5.0]


def test_a_dynamic_model_is_made_with_the_first_batch(dataset):
    Mean.made = 0
    pipeline = dataset.p.init_model("mean", Mean, config={"n": B.size, "lr": C("lr")})
    pipeline.set_config({"lr": 0.1})
    pipeline = pipeline.train_model("mean", B.values)
    assert Mean.made == 0
    assert pipeline.run(2).model.config == {"n": 2, "lr": 0.1}
    assert Mean.made == 1


def test_training_and_predicting_pass_as_one_under_prefetch(dataset):
    chain = dataset.p.init_model("mean", Mean).train_model("mean", B.values).wait_for_others()
    chain = chain.predict_model(F(lambda: "mean"), B.values, save_to=B.predictions)
    batches = list(chain.gen_batch(2, prefetch=4))
    assert [batch.predictions[0] for batch in batches] == [0.5, 1.5, 2.5]
    inner = Pipeline().train_model("mean", B.values).wait_for_others()
    nested = (dataset.p.init_model("mean", Mean) + inner * 2).predict_model(
        "mean", B.values, save_to=B.predictions
    )
    batches = list(nested.gen_batch(2, prefetch=4))
    assert [batch.predictions[0] for batch in batches] == [0.5, 1.5, 2.5]
    assert nested.m("mean").seen == [0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5]


def test_a_model_read_by_an_expression_is_as_its_batch_left_it(dataset):
    chain = dataset.p.init_model("mean", Mean).train_model("mean", B.values).wait_for_others()
    chain = chain.call(len, M("mean").seen, save_to=B.count)
    assert [batch.count for batch in chain.gen_batch(2, prefetch=4)] == [2, 4, 6]


def test_importing_a_model_keeps_no_batch_waiting(dataset):
    together = threading.Barrier(2, timeout=30)
    mean = Mean({})
    mean.train(np.arange(3.0))
    chain = dataset.p.import_model("mean", mean).call(together.wait)
    chain = chain.predict_model("mean", B.values, save_to=B.predictions)
    batches = list(chain.gen_batch(3, prefetch=4))
    assert [batch.predictions[0] for batch in batches] == [1, 1]


def test_a_batch_that_fails_lets_the_next_one_train(dataset):
    chain = dataset.p.init_model("mean", Mean).train_model("mean", B.values).fail_first()
    chain = chain.predict_model("mean", B.values, save_to=B.predictions)
    batches = list(chain.gen_batch(2, prefetch=4, ignore_exceptions=True))
    assert [batch.predictions[0] for batch in batches] == [1.5, 2.5]


def test_a_static_model_is_made_at_once():
    Mean.made = 0
    pipeline = Pipeline(config={"lr": 0.1}).init_model("mean", Mean, "static", {"lr": C("lr")})
    assert Mean.made == 1
    assert pipeline.m("mean").config["lr"] == 0.1


def test_the_class_may_be_an_expression_or_in_the_config():
    assert isinstance(Pipeline().init_model("m", F(lambda: Mean)).m("m"), Mean)
    assert isinstance(Pipeline(config={"model_class": Mean}).init_model("m").m("m"), Mean)
    assert isinstance(Pipeline(config={"m/model_class": Mean}).init_model("m").m("m"), Mean)
    with pytest.raises(ValueError, match="model_class"):
        Pipeline().init_model("m")


def test_the_class_may_be_in_the_config_of_the_model():
    config = {"model_class": Mean, "lr": 0.1}
    pipeline = Pipeline().init_model("m", config=config)
    assert isinstance(pipeline.m("m"), Mean)
    assert pipeline.m("m").config == {"lr": 0.1}
    assert "model_class" in config


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'static' or 'dynamic'"):
        Pipeline().init_model("m", Mean, "sometimes")


def test_an_unknown_model_is_named_with_near_names(dataset):
    pipeline = dataset.p.init_model("mean", Mean)
    with pytest.raises(KeyError, match=r"'maen'; near names: mean"):
        pipeline.train_model("maen", B.values).run(2)


def test_training_without_a_declaration_says_what_declares(dataset):
    with pytest.raises(KeyError, match="no model 'mean'; init_model and import_model add one"):
        dataset.p.train_model("mean", B.values).run(2)


@pytest.mark.parametrize("what", ["train", "predict", "save", "load"])
def test_a_model_without_a_method_is_named(dataset, what):
    pipeline = dataset.p.init_model("thing", lambda config: object())
    with pytest.raises(TypeError, match=rf"model 'thing' is of type object.*'{what}'"):
        getattr(pipeline, f"{what}_model")("thing", B.values).run(2)
    if what in ("save", "load"):
        with pytest.raises(TypeError, match=rf"model 'thing' is of type object.*'{what}'"):
            getattr(pipeline, f"{what}_model_once")("thing").run(2)
        with pytest.raises(TypeError, match=rf"model 'thing' is of type object.*'{what}'"):
            getattr(pipeline, f"{what}_model_now")("thing")


def test_an_error_within_a_model_names_it(dataset, tmp_path):
    pipeline = dataset.p.init_model("mean", Mean)
    with pytest.raises(FileNotFoundError, match="nowhere") as e:
        pipeline.load_model("mean", tmp_path / "nowhere").run(2)
    assert "in load of model 'mean'" in e.value.__notes__
    with pytest.raises(FileNotFoundError) as e:
        pipeline.load_model_now("mean", tmp_path / "nowhere")
    assert e.value.__notes__ == ["in load of model 'mean'"]


def test_a_config_that_cannot_be_computed_names_model_and_expression(dataset):
    with pytest.raises(KeyError, match=r"'lr'") as e:
        Pipeline().init_model("mean", Mean, "static", {"rate": C("lr")})
    assert "while model 'mean' was made" in e.value.__notes__
    assert any("C('lr')" in note for note in [str(e.value), *e.value.__notes__])
    with pytest.raises(ValueError, match="needs a batch") as e:
        Pipeline().init_model("mean", Mean, "static", {"shape": B.shape})
    pipeline = dataset.p.init_model("mean", Mean, config={"rate": C("lr")})
    with pytest.raises(KeyError, match=r"'lr'") as e:
        pipeline.train_model("mean", B.values).run(2)
    assert "while model 'mean' was made" in e.value.__notes__


def test_a_model_that_could_not_be_made_is_tried_again(dataset):
    pipeline = dataset.p.init_model("mean", Mean, config={"rate": C("lr")})
    with pytest.raises(KeyError):
        pipeline.m("mean")
    pipeline.set_config({"lr": 0.5})
    assert pipeline.m("mean").config == {"rate": 0.5}


def test_a_later_declaration_takes_the_place_of_an_earlier_one():
    pipeline = Pipeline().init_model("mean", Mean, config={"n": 1})
    old = pipeline.m("mean")
    assert pipeline.init_model("mean", Mean, config={"n": 2}).m("mean").config == {"n": 2}
    assert old.config == {"n": 1}


def test_an_unknown_model_in_an_expression_names_the_expression(dataset):
    pipeline = dataset.p.init_model("mean", Mean).call(len, M("maen").seen)
    with pytest.raises(KeyError, match=r"'maen'; near names: mean") as e:
        pipeline.run(2)
    assert "M('maen')" in " ".join([str(e.value), *e.value.__notes__])


def test_a_model_cannot_be_assigned_to(dataset):
    with pytest.raises(TypeError, match=r"M\('mean'\)"):
        dataset.p.init_model("mean", Mean).update(M("mean"), 5).run(2)


def test_a_model_that_cannot_be_made_is_named():
    with pytest.raises(TypeError, match="class of model 'm'"):
        Pipeline().init_model("m", 5).m("m")


def test_models_are_shared_with_other_pipelines(dataset):
    first = dataset.p.init_model("mean", Mean).train_model("mean", B.values).run(2)
    again = dataset.p.import_model("old", first.m("mean"))
    again = again.predict_model("old", B.values, save_to=B.predictions)
    assert next(again.gen_batch(2)).predictions[0] == 2.5
    by_name = dataset.p.import_model("mean", first).call(lambda m: None, M("mean")).run(2)
    assert by_name.m("mean") is first.m("mean")
    assert Pipeline().init_model("mean", source=first).m("mean") is first.m("mean")


def test_saving_and_loading(dataset, tmp_path):
    path = tmp_path / "model"
    pipeline = dataset.p.init_model("mean", Mean).train_model("mean", B.values)
    pipeline.save_model("mean", path).run(3)
    assert path.read_text() == "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]"
    loaded = dataset.p.init_model("mean", Mean).load_model("mean", path)
    assert loaded.run(3).m("mean").seen == [0, 1, 2, 3, 4, 5]


def test_reset_makes_models_again(dataset):
    pipeline = dataset.p.init_model("mean", Mean).train_model("mean", B.values)
    assert len(pipeline.run(2).run(2).m("mean").seen) == 12
    assert len(pipeline.run(2, reset=["iter", "models"]).m("mean").seen) == 6


def test_reset_makes_static_models_again_and_reads_the_config_anew(dataset):
    pipeline = dataset.p.set_config({"lr": 1}).init_model("mean", Mean, "static", {"lr": C("lr")})
    first = pipeline.train_model("mean", B.values).run(2)
    first.set_config({"lr": 2}).reset("models")
    assert (first.m("mean").seen, first.m("mean").config) == ([], {"lr": 2})


def test_reset_leaves_imported_models_alone(dataset):
    trained = dataset.p.init_model("mean", Mean).train_model("mean", B.values).run(2)
    imported = dataset.p.import_model("mean", trained)
    imported = imported.predict_model("mean", B.values, save_to=B.predictions)
    assert imported.run(2, reset=["iter", "models"]).m("mean") is trained.m("mean")
    assert len(trained.m("mean").seen) == 6


def test_a_model_of_another_pipeline_is_made_when_it_is_needed(dataset):
    Mean.made = 0
    train = dataset.p.init_model("mean", Mean, config={"n": B.size})
    test = dataset.p.init_model("mean", source=C("train")).set_config({"train": train})
    assert Mean.made == 0
    test.train_model("mean", B.values).run(3)
    assert train.m("mean").config == {"n": 3}
    assert Mean.made == 1


def test_saving_and_loading_once_and_now(dataset, tmp_path):
    path = tmp_path / "model"
    pipeline = dataset.p.init_model("mean", Mean).train_model("mean", B.values)
    pipeline = pipeline.save_model_once("mean", path).run(4)
    assert path.read_text() == "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]"
    path.write_text("[7.0]")
    again = dataset.p.init_model("mean", Mean).load_model_once("mean", path)
    assert again.train_model("mean", B.values).run(3).m("mean").seen[:2] == [7, 0]
    pipeline.set_config({"path": path})
    assert pipeline.load_model_now("mean", C("path")).m("mean").seen == [7]
    pipeline.save_model_now("mean", B.path, batch=Named(tmp_path / "other"))
    assert (tmp_path / "other").read_text() == "[7.0]"


class Named:
    def __init__(self, path):
        self.path = path


def test_pipelines_with_models_can_be_pickled(dataset):
    pipeline = dataset.p.init_model("mean", Mean).init_model("other", Mean)
    pipeline = pipeline.train_model("mean", B.values).run(2)
    again = pickle.loads(pickle.dumps(pipeline))
    assert again.m("mean").seen == pipeline.m("mean").seen
    assert again.m("other").seen == []
    again.run(2)
    assert (len(again.m("mean").seen), len(pipeline.m("mean").seen)) == (12, 6)


def test_a_pipeline_with_several_models_has_no_single_one():
    with pytest.raises(ValueError, match="2 models"):
        Pipeline().init_model("a", Mean).init_model("b", Mean).model  # noqa: B018
