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


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'static' or 'dynamic'"):
        Pipeline().init_model("m", Mean, "sometimes")


def test_an_unknown_model_is_named_with_near_names(dataset):
    pipeline = dataset.p.init_model("mean", Mean)
    with pytest.raises(KeyError, match=r"'maen'; near names: mean"):
        pipeline.train_model("maen", B.values).run(2)


def test_a_model_without_train_is_named(dataset):
    pipeline = dataset.p.init_model("thing", lambda config: object())
    with pytest.raises(TypeError, match=r"model 'thing' is of type object.*'train'"):
        pipeline.train_model("thing", B.values).run(2)


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


def test_a_pipeline_with_several_models_has_no_single_one():
    with pytest.raises(ValueError, match="2 models"):
        Pipeline().init_model("a", Mean).init_model("b", Mean).model  # noqa: B018
