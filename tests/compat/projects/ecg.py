"""Signals of different lengths: object arrays, files, labels from a table, merge of its own."""

import json
import os
import sys

import numpy as np
from batchflow import (
    B,
    Batch,
    Dataset,
    DatasetIndex,
    F,
    FilesIndex,
    Pipeline,
    V,
    action,
    any_action_failed,
)
from batchflow.decorators import inbatch_parallel


class HeartBatch(Batch):
    components = "signal", "meta", "target"

    def __init__(self, index, *args, unique_labels=None, **kwargs):
        super().__init__(index, *args, **kwargs)
        self.signal = self.array_of_nones
        self.meta = np.array([{} for _ in range(len(self.index))])
        self.target = self.array_of_nones
        self.unique_labels = unique_labels

    def _reraise(self, results):
        if any_action_failed(results):
            raise RuntimeError("Cannot assemble the batch", self.get_errors(results))

    @action
    def load(self, src=None, fmt=None, components=None, **kwargs):
        if fmt == "npy":
            return self._load_signals(src=src, components=components)
        if fmt == "labels":
            self.target = np.array([src[ix] for ix in self.indices])
            return self
        return super().load(src=src, fmt=fmt, **kwargs)

    @inbatch_parallel(init="indices", post="_assemble_signals", target="threads")
    def _load_signals(self, index, src=None, components=None):
        path = self.index.get_fullpath(index) if src is None else os.path.join(src, index)
        signal = np.load(path)
        return signal, {"length": signal.shape[1], "units": np.array(["mV"] * len(signal))}

    def _assemble_signals(self, results, *args, components=None, **kwargs):
        self._reraise(results)
        for component, data in zip(components or ("signal", "meta"), zip(*results)):
            # The last entry keeps numpy from making one array of signals of one length.
            setattr(self, component, np.array([*data, None], dtype=object)[:-1])
        return self

    @action
    @inbatch_parallel(init="indices", target="threads")
    def flip_signals(self, index, threshold=0):
        i = self.get_pos_of(index)
        below = self.signal[i].mean(axis=1) < threshold
        self.signal[i] = np.where(below[:, None], -self.signal[i], self.signal[i])

    def get_pos_of(self, index):
        return self.index.get_pos(index)

    @action
    @inbatch_parallel(init="indices", post="_put", target="for")
    def random_resample(self, index, factor):
        signal = self.signal[self.get_pos_of(index)]
        return signal[:, ::factor]

    def _put(self, results, *args, **kwargs):
        self._reraise(results)
        for i, result in enumerate(results):
            self.signal[i] = result
        return self

    @action
    def drop_short_signals(self, min_length):
        keep = np.array([signal.shape[1] >= min_length for signal in self.signal])
        new_batch = type(self)(DatasetIndex(self.indices[keep]), unique_labels=self.unique_labels)
        new_batch.signal = self.signal[keep]
        new_batch.meta = self.meta[keep]
        new_batch.target = self.target[keep]
        return new_batch

    @classmethod
    def merge(cls, batches, batch_size=None, components=None, batch_class=None):
        data = [np.concatenate([getattr(b, c) for b in batches]) for c in cls.components]
        n = len(data[0]) if batch_size is None else min(batch_size, len(data[0]))
        whole = cls(DatasetIndex(np.arange(n)))
        whole._data = tuple(part[:n] for part in data)
        if n == len(data[0]):
            return whole, None
        rest = cls(DatasetIndex(np.arange(len(data[0]) - n)))
        rest._data = tuple(part[n:] for part in data)
        return whole, rest


def write_signals(folder, n=13):
    rng = np.random.default_rng(0)
    for i in range(n):
        np.save(os.path.join(folder, f"A{i:03}.npy"), rng.normal(size=(2, 30 + 7 * i)))


def main(folder):
    write_signals(folder)
    index = FilesIndex(path=os.path.join(folder, "*.npy"), no_ext=True, sort=True)
    labels = {ix: "AN"[i % 2] for i, ix in enumerate(index.indices)}
    dataset = Dataset(index, HeartBatch)
    dataset.split(0.7, shuffle=3)
    out = {"train": dataset.train.indices.tolist(), "test": dataset.test.indices.tolist()}

    template = (
        Pipeline()
        .init_variable("lengths", default=[])
        .init_variable("labels", default=[])
        .load(fmt="npy", components=["signal", "meta"])
        .load(src=labels, fmt="labels")
        .flip_signals()
        .random_resample(factor=2)
        .drop_short_signals(min_length=20)
        .update(V("lengths", mode="e"), F(lambda batch: [s.shape[1] for s in batch.signal])(B()))
        .update(V("labels", mode="e"), F(list)(B.target))
    )
    pipeline = dataset.train >> template
    pipeline.run(4, shuffle=11, n_epochs=1)
    out["lengths"], out["labels"] = pipeline.v("lengths"), [str(x) for x in pipeline.v("labels")]

    batch = (dataset.test >> template).next_batch(3)
    out["indices"] = [str(ix) for ix in batch.indices]
    out["dtype"], out["first"] = str(batch.signal.dtype), float(batch.signal[0].sum())
    out["units"] = batch.meta[0]["units"].tolist()

    joined = Pipeline().load(fmt="npy").rebatch(5)
    out["rebatched"] = [
        [s.shape[1] for s in b.signal] for b in (dataset.train >> joined).gen_batch(4, n_epochs=1)
    ]
    copied = batch.deepcopy()
    copied.signal[0][:] = 0
    out["kept"] = float(batch.signal[0].sum()) != 0
    try:
        (dataset.train >> Pipeline().load(src="nowhere", fmt="npy")).next_batch(2)
    except RuntimeError as error:
        out["failed"] = "Cannot assemble" in str(error)
    print(json.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1])
