"""``python -m ironbatch demo``: the whole job on real data, in one file that reads as an example.

Handwritten digits lie on disk, one file per item. They are indexed, split, loaded asynchronously,
normalised and fed batch by batch to an online classifier, which is then scored on digits it has not
seen.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np

from ironbatch import (
    B,
    Batch,
    Dataset,
    FilesIndex,
    Pipeline,
    V,
    action,
    any_action_failed,
    inbatch_parallel,
)
from ironbatch.extras import need
from ironbatch.models import SklearnModel

__all__ = ["DigitsBatch", "add_parser", "run"]

PIXELS = (8, 8)


class DigitsBatch(Batch):
    """Digits and what they show: 8 x 8 pixels with values from 0 to 16, and a label from 0 to 9."""

    components = "images", "labels", "predictions"
    index: FilesIndex

    @inbatch_parallel(init="_init_io", post="_post_io", target="async")
    async def load_digits(self, item: str, path: str) -> tuple[Any, Any]:
        """Load one file: 64 pixels and the label, a byte each."""
        content = np.fromfile(path, dtype=np.uint8)
        return content[:-1].reshape(PIXELS), content[-1]

    def _init_io(self) -> list[list[Any]]:
        return [[item, self.index.get_fullpath(item)] for item in self.indices]

    def _post_io(self, results: list[Any]) -> Self:
        if any_action_failed(results):
            raise OSError(f"could not load the digits: {self.get_errors(results)}")
        images, labels = zip(*results, strict=True)
        self.images = np.stack(images)
        self.labels = np.array(labels)
        return self

    @action
    def normalize(self) -> Self:
        """Scale the pixels to values from 0 to 1."""
        self.images = self.images.astype(np.float32) / 16
        return self


def write_digits(folder: Path) -> int:
    """Write the digits that scikit-learn ships, one file each; give their number."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    folder.mkdir(parents=True, exist_ok=True)
    images = digits.images.astype(np.uint8).reshape(len(digits.images), -1)
    for number, (image, label) in enumerate(zip(images, digits.target, strict=True)):
        (folder / f"digit_{number:04d}.raw").write_bytes(image.tobytes() + bytes([label]))
    return len(images)


def run(
    dir: str | None = None,
    epochs: int = 5,
    batch_size: int = 64,
    prefetch: int = 4,
    seed: int = 42,
) -> int:
    """Run the demo.

    Parameters
    ----------
    dir : str, optional
        Where its files go; a new temporary folder by default, which is kept.
    epochs : int
        How many times the classifier sees each digit.
    batch_size, prefetch : int
        How many digits a batch has, and how many batches are made ahead.
    seed : int
        Seed of the split, the order of the digits, and the classifier.

    Returns
    -------
    int
        The exit code.
    """
    need("sklearn", extra="demo", what="the demo")
    folder = Path(tempfile.mkdtemp(prefix="ironbatch-demo-") if dir is None else dir).resolve()
    count = write_digits(folder / "digits")
    print(f"{count} digits in {folder / 'digits'}, one file each")

    index = FilesIndex(path=str(folder / "digits" / "*.raw"), no_ext=True, sort=True)
    dataset = Dataset(index, DigitsBatch)
    dataset.split(0.8, shuffle=seed)

    template = Pipeline().load_digits().normalize()

    config = {
        "estimator": "sklearn.linear_model.SGDClassifier",
        "classes": 10,
        "loss": "log_loss",
        "alpha": 1e-4,
        "average": True,
        "random_state": seed,
    }
    train = (
        (dataset.train >> template)
        .init_model("classifier", SklearnModel, config=config)
        .train_model("classifier", B.images, B.labels)
        .run(
            batch_size,
            shuffle=seed,
            n_epochs=epochs,
            prefetch=prefetch,
            bar={"desc": "train"},
            profile=True,
        )
    )

    predictions = folder / "predictions"
    predictions.mkdir(exist_ok=True)
    for old in predictions.glob("digit_*.npy"):
        old.unlink()
    test = (
        (dataset.test >> template)
        .import_model("classifier", train)
        .init_variable("metrics")
        .predict_model("classifier", B.images, save_to=B.predictions)
        .gather_metrics("classification", B.labels, B.predictions, save_to=V("metrics"))
        .dump(str(predictions), "npy", components="predictions")
        .run(batch_size, prefetch=prefetch, bar={"desc": "test "}, profile=True)
    )

    report("train", train)
    report("test", test)
    print(f"\ntest accuracy: {test.v('metrics').compute()['accuracy']:.3f}")
    print(f"digits:      {folder / 'digits'}\npredictions: {predictions}")
    return 0


def report(name: str, pipeline: Pipeline) -> None:
    """Print how fast a run was and where its time went."""
    profile = pipeline.profile
    if profile is None:
        return
    rate = profile.items / profile.seconds
    print(f"\n{name}: {profile.items} items in {profile.seconds:.2f} s, {rate:,.0f} items/s")
    for one in profile.actions:
        print(f"  {one.name:<14} {one.share:>5.1%}  {one.seconds * 1e3:>8.1f} ms")
    print(pipeline.report())


def add_parser(commands: Any) -> None:
    """Add the command to a parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "demo",
        help="train a classifier of handwritten digits from files on disk",
        description="Write 1,797 digits to disk, one file each, and classify them: the whole job.",
    )
    parser.add_argument("--dir", help="where the files go (a new temporary folder by default)")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--prefetch", type=int, default=4)
    parser.add_argument("--seed", type=int, default=42)
    parser.set_defaults(run=run)
