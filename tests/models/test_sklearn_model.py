import pickle

import numpy as np
import pytest

from ironbatch import B, Batch, Config, Dataset, V
from ironbatch.models import Model, SklearnModel


@pytest.fixture
def images():
    return np.random.default_rng(0).random((60, 4, 4))


@pytest.fixture
def labels(images):
    return (images.mean(axis=(1, 2)) > 0.5).astype(int) + 3


def sgd(**config):
    config = {"estimator": "sklearn.linear_model.SGDClassifier", "random_state": 0, **config}
    return SklearnModel(config)


def test_it_is_a_model():
    assert isinstance(sgd(), Model)


def test_images_are_flattened_and_learnt_batch_by_batch(images, labels):
    from sklearn.linear_model import SGDClassifier

    model, by_hand = sgd(), SGDClassifier(random_state=0)
    for part in (slice(0, 30), slice(30, 60)):
        model.train(images[part], labels[part])
        by_hand.partial_fit(images[part].reshape(30, -1), labels[part], classes=[3, 4])
    assert (model.estimator.coef_ == by_hand.coef_).all()
    assert (model.predict(images) == by_hand.predict(images.reshape(60, -1))).all()


def test_several_arrays_are_put_side_by_side(images, labels):
    model = sgd()
    model.train((images, images[:, 0, 0]), labels[:, None])
    assert model.estimator.n_features_in_ == 17
    assert model.predict((images, images[:, 0, 0])).shape == (60,)


def test_options_go_to_the_estimator():
    assert sgd(alpha=0.25).estimator.alpha == 0.25
    from sklearn.linear_model import SGDClassifier

    given = SGDClassifier(alpha=0.5, penalty="l1")
    model = SklearnModel(Config(estimator=given, alpha=0.25))
    assert (model.estimator.alpha, model.estimator.penalty) == (0.25, "l1")
    assert given.alpha == 0.5
    weighted = sgd(class_weight={"x": 2.0})
    assert type(weighted.estimator.class_weight) is dict


def test_a_misspelt_option_is_refused_with_near_names():
    with pytest.raises(TypeError, match=r"SGDClassifier has no parameter 'alhpa'; near.*alpha"):
        sgd(alhpa=1)


@pytest.mark.parametrize(
    ("estimator", "error", "match"),
    [
        (None, KeyError, "needs the option 'estimator'"),
        ("SGDClassifier", ValueError, r"'package\.Name', got 'SGDClassifier'"),
        ("sklearn.linear_model.SGD", ImportError, "sklearn.linear_model has no 'SGD'"),
        (5, TypeError, "an estimator of scikit-learn, got int"),
    ],
)
def test_what_is_no_estimator_is_refused(estimator, error, match):
    with pytest.raises(error, match=match):
        SklearnModel({"estimator": estimator})


@pytest.mark.parametrize("classes", [6, [5, 4, 3], np.array([3, 4, 5])])
def test_classes_may_come_later_if_they_are_named(classes, images, labels):
    model = sgd(classes=classes)
    model.train(images[:20], np.full(20, 3))
    model.train(images, labels)
    assert set(model.predict(images)) <= {3, 4, 5}


def test_a_label_that_the_first_batch_did_not_have_is_named(images, labels):
    model = sgd()
    model.train(images, labels)
    with pytest.raises(ValueError, match=r"labels 7, 9 are not.*first batch had, 3, 4.*config="):
        model.train(images[:2], [9, 7])


def test_a_label_that_the_config_lacks_is_named(images):
    with pytest.raises(ValueError, match="labels 5 are not among the classes of the config, 0, 1"):
        sgd(classes=2).train(images[:2], [0, 5])


def test_estimators_without_partial_fit_gather_all_batches(images, labels):
    from sklearn.neighbors import KNeighborsClassifier

    model = SklearnModel({"estimator": KNeighborsClassifier, "n_neighbors": 1})
    for part in (slice(0, 30), slice(30, 50)):
        model.train(images[part], labels[part])
    assert (model.predict(images[:50]) == labels[:50]).all()
    model.train(images[50:], labels[50:])
    assert (model.predict(images) == labels).all()


def test_gathered_batches_do_not_change_with_their_memory(images, labels):
    model = sgd(training="gather")
    data = images.copy()
    model.train(data, labels)
    data[:] = 0
    again = sgd(training="gather")
    again.train(images, labels)
    assert (model.predict(images) == again.predict(images)).all()
    assert (model.estimator.coef_ == again.estimator.coef_).all()


def test_gathered_weights_are_joined(images, labels):
    one, two = sgd(training="gather"), sgd(training="gather")
    weights = np.linspace(0, 1, 60)
    one.train(images, labels, sample_weight=weights)
    two.train(images[:10], labels[:10], sample_weight=weights[:10])
    two.train(images[10:], labels[10:], sample_weight=weights[10:])
    one.predict(images)
    two.predict(images)
    assert (one.estimator.coef_ == two.estimator.coef_).all()


def test_tables_stay_tables():
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table = pd.DataFrame({"size": [1.0, 2, 8, 9], "colour": ["red", "red", "blue", "blue"]})
    coded = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    model = SklearnModel({"estimator": make_pipeline(coded, LogisticRegression())})
    model.train(table[:3], [0, 0, 1])
    model.train(table[3:], [1])
    assert model.predict(table).tolist() == [0, 0, 1, 1]


def test_sparse_matrices_stay_sparse(labels):
    from scipy import sparse

    matrix = sparse.random(60, 5, density=0.5, format="csr", random_state=0)
    model = sgd(training="gather")
    model.train(matrix[:30], labels[:30])
    model.train(matrix[30:], labels[30:])
    assert model.predict(matrix).shape == (60,)


def test_fit_learns_from_the_last_batch_alone(images, labels):
    model, fresh = sgd(training="fit"), sgd(training="fit")
    model.train(images[:30], labels[:30])
    model.train(images[30:], labels[30:])
    fresh.train(images[30:], labels[30:])
    assert (model.estimator.coef_ == fresh.estimator.coef_).all()


def test_training_that_the_estimator_cannot_do_is_refused():
    with pytest.raises(ValueError, match=r"KNeighborsClassifier\) has no partial_fit"):
        SklearnModel(
            {"estimator": "sklearn.neighbors.KNeighborsClassifier", "training": "partial_fit"}
        )
    with pytest.raises(ValueError, match="'gather' or 'fit', got 'often'"):
        sgd(training="often")


def test_numbers_of_items_have_to_agree(images):
    with pytest.raises(ValueError, match="60 items to learn from and 2 targets"):
        sgd().train(images, [0, 1])


def test_the_method_of_prediction_may_be_chosen(images, labels):
    model = sgd(loss="log_loss", method="decision_function")
    model.train(images, labels)
    assert model.predict(images).dtype == np.float64
    assert model.predict(images, "predict_proba").shape == (60, 2)
    assert set(model.predict(images, method="predict")) <= {3, 4}
    with pytest.raises(AttributeError, match=r"SGDClassifier\) has no method 'transform'; it has"):
        model.predict(images, "transform")


def test_transformers_transform(images):
    model = SklearnModel({"estimator": "sklearn.preprocessing.StandardScaler"})
    model.train(images[:30])
    model.train(images[30:])
    assert np.allclose(model.predict(images).mean(axis=0), 0)


def test_a_model_that_learnt_nothing_says_so(images):
    with pytest.raises(ValueError, match=r"SklearnModel\(SGDClassifier\) has learnt nothing yet"):
        sgd().predict(images)


@pytest.mark.parametrize("method", ["train", "predict"])
def test_rows_of_another_length_are_named_with_both_shapes(method, images, labels, tmp_path):
    model = sgd()
    model.train(images, labels)
    model.save(tmp_path / "m.skops")
    loaded = sgd(load=tmp_path / "m.skops")
    arguments = (images[:, :3], labels) if method == "train" else (images[:, :3],)
    with pytest.raises(ValueError, match=r"m\.skops.*learnt from rows of 16 numbers, got \(60, 12"):
        getattr(loaded, method)(*arguments)


def test_items_of_differing_shapes_are_refused():
    ragged = np.empty(2, object)
    ragged[:] = [np.zeros(3), np.zeros(4)]
    with pytest.raises(ValueError, match=r"such as \(3,\) and \(4,\)"):
        sgd().train(ragged, [0, 1])


def test_training_goes_on_after_loading(images, labels, tmp_path):
    model = sgd()
    model.train(images[:30], labels[:30])
    model.save(tmp_path / "deep" / "m.skops")
    again = sgd()
    again.load(tmp_path / "deep" / "m.skops")
    for one in (model, again):
        one.train(images[30:], labels[30:])
    assert (model.estimator.coef_ == again.estimator.coef_).all()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["m.skops"]


def test_saving_fits_what_was_gathered(images, labels, tmp_path):
    model = sgd(training="gather")
    model.train(images, labels)
    model.save(tmp_path / "m")
    assert sgd(training="gather", load=tmp_path / "m").predict(images).shape == (60,)


def doubled(values):
    return values * 2


def test_types_that_are_not_trusted_are_listed_and_nothing_of_them_is_made(images, tmp_path):
    config = {"estimator": "sklearn.preprocessing.FunctionTransformer", "func": doubled}
    model = SklearnModel(config)
    model.train(images)
    model.save(tmp_path / "m")
    with pytest.raises(
        ValueError, match=r"types that are not trusted: .*doubled; if you know"
    ) as e:
        model.load(tmp_path / "m")
    name = f"{doubled.__module__}.doubled"
    assert name in str(e.value)
    model.load(tmp_path / "m", trusted=[name])
    assert SklearnModel({**config, "load": tmp_path / "m", "trusted": [name]}).predict(images).any()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"SGDClassifier\) cannot be.*no file '.*none\.skops"
    ):
        sgd().load(tmp_path / "none.skops")


def test_a_file_of_another_kind_leaves_the_model_as_it_was(images, labels, tmp_path):
    model = sgd()
    model.train(images, labels)
    path = tmp_path / "m"
    path.write_text("no model")
    with pytest.raises(ValueError, match=r"m' was not written by SklearnModel\.save"):
        model.load(path)
    other = SklearnModel({"estimator": "sklearn.linear_model.Perceptron"})
    other.train(images, labels)
    other.save(path)
    with pytest.raises(ValueError, match=r"holds .*Perceptron, and the model is .*SGDClassifier"):
        model.load(path)
    assert model.predict(images).shape == (60,)


def test_a_save_that_fails_leaves_the_file_as_it_was(images, labels, tmp_path):
    model = sgd()
    model.train(images, labels)
    model.save(tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    model.estimator.broken = (number for number in range(3))
    with pytest.raises(Exception):  # noqa: B017, PT011 - skops says what it cannot write
        model.save(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_reset_forgets(images, labels):
    model = sgd()
    model.train(images, labels)
    model.reset()
    with pytest.raises(ValueError, match="learnt nothing"):
        model.predict(images)
    model.train(images[:2], [8, 9])


def test_it_can_be_pickled(images, labels):
    model = sgd()
    model.train(images, labels)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(images) == model.predict(images)).all()


class Scans(Batch):
    components = "images", "labels", "guesses"


def test_it_is_trained_and_used_in_pipelines(images, labels):
    dataset = Dataset(60, Scans, preloaded={"images": images, "labels": labels})
    config = {"estimator": "sklearn.linear_model.SGDClassifier", "random_state": 0, "classes": 5}
    guesses = {}
    for prefetch in (0, 4):
        pipeline = (
            dataset.p.init_model("clf", SklearnModel, config=config)
            .train_model("clf", B.images, B.labels)
            .predict_model("clf", B.images, save_to=B.guesses)
            .init_variable("metrics")
            .gather_metrics("class", B.labels, B.guesses, save_to=V("metrics"))
        )
        batches = list(pipeline.gen_batch(7, shuffle=1, n_epochs=3, prefetch=prefetch))
        guesses[prefetch] = [batch.guesses.tolist() for batch in batches]
        assert 0.7 < pipeline.v("metrics").compute()["accuracy"] < 0.8
    assert guesses[0] == guesses[4]
