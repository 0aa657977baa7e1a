import numpy as np
import pytest

from ironbatch.models import ClassificationMetrics, SegmentationMetrics
from ironbatch.models.metrics import metrics_class


def test_values_agree_with_scikit_learn():
    from sklearn import metrics as sk

    rng = np.random.default_rng(0)
    true, guessed = rng.integers(0, 4, size=(2, 200))
    metrics = ClassificationMetrics()
    for part in (slice(0, 70), slice(70, 200)):
        metrics.update(true[part], guessed[part])
    assert (metrics.confusion == sk.confusion_matrix(true, guessed)).all()
    assert metrics.compute() == pytest.approx(
        {
            "accuracy": sk.accuracy_score(true, guessed),
            "precision": sk.precision_score(true, guessed, average="macro"),
            "recall": sk.recall_score(true, guessed, average="macro"),
            "f1": sk.f1_score(true, guessed, average="macro"),
            "iou": sk.jaccard_score(true, guessed, average="macro"),
        }
    )
    assert metrics.per_class()["f1"] == pytest.approx(sk.f1_score(true, guessed, average=None))


def test_masks_count_by_pixel():
    masks = np.zeros((2, 4, 4), bool)
    masks[:, :2] = True
    guessed = np.zeros((2, 4, 4))
    guessed[:, :1] = 1.0
    metrics = SegmentationMetrics()
    metrics.update(masks, guessed)
    assert metrics.per_class()["iou"].tolist() == [16 / 24, 0.5]
    assert metrics.compute()["accuracy"] == 0.75


@pytest.mark.parametrize(
    ("predictions", "options"),
    [
        ([0, 1, 2], {}),
        ([[0], [1], [2]], {}),
        (np.eye(3), {"fmt": "proba"}),
        (np.eye(3) - 5, {"fmt": "logits"}),
        (np.eye(3).T, {"fmt": "proba", "axis": 0}),
    ],
)
def test_formats_of_predictions(predictions, options):
    metrics = ClassificationMetrics()
    metrics.update([0, 1, 2], predictions, **options)
    assert metrics.compute()["accuracy"] == 1


def test_the_threshold_is_a_probability_also_for_logits():
    for fmt, value in (("proba", 0.7), ("logits", np.log(0.7 / 0.3))):
        for threshold, accuracy in ((0.6, 1), (0.8, 0)):
            metrics = ClassificationMetrics()
            metrics.update([1], [value], fmt=fmt, threshold=threshold)
            assert metrics.compute()["accuracy"] == accuracy
            metrics.update([1], [[value]], fmt=fmt, threshold=threshold)
            assert metrics.compute()["accuracy"] == accuracy


def test_labels_in_a_column_are_taken_for_items():
    metrics = ClassificationMetrics()
    metrics.update([[0], [1]], [0, 1])
    assert metrics.compute()["accuracy"] == 1


def test_classes_that_were_not_met_count_for_nothing():
    metrics = ClassificationMetrics(num_classes=5)
    assert metrics.confusion.shape == (5, 5)
    assert np.isnan(metrics.compute()["accuracy"])
    metrics.update([0, 1], [0, 0])
    assert metrics.compute()["recall"] == 0.5
    assert np.isnan(metrics.per_class()["recall"][2:]).all()
    metrics.reset()
    assert metrics.confusion.sum() == 0


def test_an_empty_batch_counts_for_nothing():
    metrics = ClassificationMetrics()
    metrics.update(np.zeros(0, int), np.zeros(0, int))
    assert metrics.confusion.size == 0
    metrics.update(np.zeros(0, int), np.zeros(0, int), num_classes=3)
    assert metrics.confusion.tolist() == [[0] * 3] * 3


@pytest.mark.parametrize(
    ("targets", "predictions", "options", "match"),
    [
        ([0, 1], [0, 1, 1], {}, r"shapes differ: targets \(2,\), predictions \(3,\)"),
        ([0, 1], [0.5, 1.0], {}, "predictions are classes.*0.5.*fmt='proba'"),
        ([0, -1], [0, 1], {}, "targets are classes from 0, got -1"),
        (["a"], [0], {}, "targets are classes, whole numbers"),
        ([0], [0], {"fmt": "prob"}, "fmt is 'labels', 'proba' or 'logits', got 'prob'"),
        ([0], [0.5], {"fmt": "proba", "threshold": 1}, "between 0 and 1, got 1"),
    ],
)
def test_what_cannot_be_counted_is_refused(targets, predictions, options, match):
    with pytest.raises(ValueError, match=match):
        ClassificationMetrics().update(targets, predictions, **options)


def test_classes_go_by_the_beginning_of_their_names():
    assert metrics_class("class") is ClassificationMetrics
    assert metrics_class("mask") is metrics_class("segm") is SegmentationMetrics
    for name in ("", "instances"):
        with pytest.raises(ValueError, match=f"'classification', 'segmentation'.*got '{name}'"):
            metrics_class(name)
