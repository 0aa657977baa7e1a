"""Classification of images: models, expressions, lazy runs, cross-validation, progress."""

import json
from enum import Enum, auto

import numpy as np
from batchflow import (
    PP,
    B,
    Batch,
    C,
    Config,
    D,
    Dataset,
    F,
    I,
    L,
    Notifier,
    NumpySampler,
    P,
    Pipeline,
    R,
    V,
    action,
    apply_parallel,
    save_data_to,
)
from batchflow.models import BaseModel
from batchflow.named_expr import NamedExpression, _DummyBatch


class Phase(Enum):
    TRAIN = auto()
    TEST = auto()


class Softmax(BaseModel):
    def __init__(self, config=None):
        self.config = config
        self.reset()

    def reset(self):
        self.weights = np.zeros((self.config["n_features"], self.config["n_classes"]))

    def _probabilities(self, images):
        scores = images.reshape(len(images), -1) @ self.weights
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    def train(self, images, labels):
        probabilities = self._probabilities(images)
        loss = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
        probabilities[np.arange(len(labels)), labels] -= 1
        step = images.reshape(len(images), -1).T @ probabilities / len(labels)
        self.weights -= self.config["lr"] * step
        return float(loss)

    def predict(self, images):
        return self._probabilities(images).argmax(axis=1)

    def save(self, path):
        np.save(path, self.weights)

    def load(self, path):
        self.weights = np.load(path)


class Halved(NamedExpression):
    def get(self, **kwargs):
        name, kwargs = self._get_params(**kwargs)
        if isinstance(kwargs["batch"], _DummyBatch):
            return 0
        return getattr(kwargs["batch"], name) / 2

    def assign(self, value, **kwargs):
        name, kwargs = self._get_params(**kwargs)
        setattr(kwargs["batch"], name, value * 2)


class Images(Batch):
    components = "images", "labels"

    @apply_parallel(src="images", target="threads")
    def scale(self, image, factor, **kwargs):
        return image * factor

    @apply_parallel(src="images", target="for")
    def shift(self, image, by, src=None, dst=None):
        self.seen_names = (src, dst)
        return np.roll(image, by, axis=0)

    @action(use_lock=True)
    def count(self, by):
        self.pipeline.set_variable("sizes", len(self) * by, mode="a")
        return self


class Box:
    def __init__(self, value):
        self.value = value


def make_data(n=60):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, size=n)
    images = rng.normal(size=(n, 4, 4)) * 0.3
    images[np.arange(n), labels] += 1
    return images, labels


def main():
    images, labels = make_data()
    dataset = Dataset(60, Images, preloaded=(images, labels), classes=3)
    dataset.split([0.7, 0.3], shuffle=2)
    config = Config({"model": {"lr": 0.5, "n_classes": 3}, "size": 8})

    train = (
        Pipeline()
        .init_variable("losses", [])
        .init_variable("sizes", [])
        .init_variable(Phase.TRAIN, 0)
        .init_variables({"shapes": dict(default=None)})
        .init_model(
            "softmax",
            Softmax,
            "dynamic",
            config={"lr": C("model/lr"), "n_classes": D("classes"), "n_features": 16},
        )
        .scale(factor=0.5)
        .shift(by=P(F(lambda batch: 4 * (np.arange(len(batch)) % 2))(B())))
        .count(by=2)
        .update(V(Phase.TRAIN), V(Phase.TRAIN) + B.size)
        .train_model("softmax", B.images, B.labels, save_to=V("losses", mode="a"))
        .run(C("size"), shuffle=5, n_epochs=3, drop_last=True, lazy=True)
    )
    train = (train << config) << dataset.train
    train.run(notifier=Notifier(bar=False))
    losses = train.get_variable("losses")
    out = {
        "sizes": train.v("sizes"),
        "seen": train.v(Phase.TRAIN),
        "losses": [round(loss, 8) for loss in losses],
        "improved": losses[-1] < losses[0],
    }

    test = (
        dataset.test.pipeline(config)
        .init_variable("hits", [])
        .init_variable("progress", [])
        .import_model("softmax", train)
        .scale(factor=0.5)
        .predict_model("softmax", B.images, save_to=B("predicted"))
        .update(V("hits", mode="e"), F(list)(B("predicted") == B.labels))
        .update(V("progress", mode="a"), [I("c"), I("m"), I("r")])
    )
    test.run(6, n_epochs=1)
    out["accuracy"] = float(np.mean(test.v("hits")))
    out["progress"] = test.v("progress")
    out["same"] = test.m("softmax") is train.m("softmax")

    batch = (
        dataset.p.add_components("boxes", [Box(i) for i in range(5)])
        .add_components("noise", 0)
        .update(L("boxes").value, L("boxes").value)
        .update(B.noise, R("normal", 0, 1, size=B.size))
        .update(B.halves, Halved("size"))
        .update(Halved("twice"), B.size)
        .do_nothing(P(R("uniform", 0, 1)), PP(F(lambda: 1)))
    ).next_batch(5, shuffle=7)
    out["next"] = batch.indices.tolist()
    out["boxes"] = [box.value for box in batch.boxes]
    out["kinds"] = [type(batch.boxes).__name__, batch.noise.shape, batch.halves, batch.twice]
    out["images"] = [float(x) for x in batch.images.sum(axis=(1, 2)).round(6)]
    out["own"] = float(images[batch.indices[0]].sum().round(6)) == out["images"][0]
    batch.shift(by=0)
    out["names"] = batch.seen_names[0]

    dataset.cv_split(n_splits=4, shuffle=1)
    folds = Pipeline().init_variable("ids", []).update(V("ids", mode="e"), B.indices)
    folds = folds << dataset.CV(C("fold")).test
    for fold in range(4):
        folds.set_config({"fold": fold})
        folds.reset("vars")
        folds.run(5, n_epochs=1)
        out[f"fold{fold}"] = [int(i) for i in folds.v("ids")]
    out["shared"] = dataset.cv1.train is dataset.train.cv1

    kept = {"loss": V("loss"), "raw": None}
    save_data_to({"loss": 3, "raw": 4}, kept, pipeline=train)
    out["saved"] = [train.v("loss"), kept["raw"]]
    sampler = NumpySampler("u", low=0, high=1, dim=2) & NumpySampler("n", seed=3)
    out["sampled"] = sampler.sample(4).shape
    out["epochs"] = [b.indices.tolist() for b in Dataset(7).gen_batch(3, shuffle=9, n_epochs=3)]
    out["index"] = [b.indices.tolist() for b in Dataset(7).index.gen_batch(4, shuffle=9, n_iters=4)]
    endless = Dataset(5).p.do_nothing()
    out["endless"] = [endless.next_batch(2, shuffle=1).indices.tolist() for _ in range(6)]
    out["dropped"] = [
        b.indices.tolist() for b in Dataset(8).p.gen_batch(3, shuffle=0, n_epochs=2, drop_last=True)
    ]
    out["prefetched"] = [
        b.indices.tolist() for b in Dataset(9).p.gen_batch(4, shuffle=6, n_epochs=2, prefetch=2)
    ]
    print(json.dumps(out))


if __name__ == "__main__":
    main()
