"""Scans of different heights in one array: offsets, `get_pos`, `load` and `merge` of its own."""

import json

import numpy as np
from batchflow import B, Batch, Dataset, DatasetIndex, Pipeline, V, action, any_action_failed
from batchflow.decorators import inbatch_parallel


class ScansBatch(Batch):
    components = "images", "spacing"

    def __init__(self, index, *args, **kwargs):
        super().__init__(index, *args, **kwargs)
        self.images = None
        self._bounds = None
        self._init_data(spacing=np.ones((len(self), 3)), bounds=np.array([], dtype=int))

    def _init_data(self, bounds=None, **kwargs):
        self._bounds = bounds if bounds is not None else self._bounds
        for name, data in kwargs.items():
            setattr(self, name, data)

    @property
    def lower_bounds(self):
        return self._bounds[:-1]

    @property
    def upper_bounds(self):
        return self._bounds[1:]

    def get_pos(self, data, component, index):
        place = self.index.get_pos(index)
        if component == "images":
            return slice(self.lower_bounds[place], self.upper_bounds[place])
        return place

    def scan(self, index):
        return self.images[self.get_pos(None, "images", index)]

    @action
    def load(self, fmt="dicts", components=None, src=None, **kwargs):
        if fmt == "dicts":
            return self._load_scans(src=src)
        return super().load(fmt=fmt, src=src, **kwargs)

    @inbatch_parallel(init="indices", post="_post_scans", target="threads")
    def _load_scans(self, patient_id, *args, src=None, **kwargs):
        return {"images": src[patient_id], "spacing": np.array([1.0, 0.5, 0.5])}

    def _post_scans(self, results, **kwargs):
        if any_action_failed(results):
            raise ValueError("Failed parallelization", self.get_errors(results))
        scans = [one["images"] for one in results]
        self._init_data(
            images=np.concatenate(scans),
            bounds=np.cumsum([0] + [len(scan) for scan in scans]),
            spacing=np.stack([one["spacing"] for one in results]),
        )
        return self

    def _init_rebuild(self, **kwargs):
        result = np.zeros_like(self.images)
        return [
            {
                "patient": self.images[lower:upper],
                "out_patient": result[lower:upper],
                "res": result,
            }
            for lower, upper in zip(self.lower_bounds, self.upper_bounds)
        ]

    def _post_rebuild(self, results, new_batch=False, **kwargs):
        if any_action_failed(results):
            raise ValueError("Failed parallelization", self.get_errors(results))
        data, _ = results[0]
        if new_batch:
            batch = type(self)(self.index)
            batch._init_data(images=data, bounds=self._bounds, spacing=self.spacing)
            return batch
        self._init_data(images=data)
        return self

    @action
    @inbatch_parallel(init="_init_rebuild", post="_post_rebuild", target="threads")
    def flip(self, patient, out_patient, res, **kwargs):
        out_patient[:] = patient[::-1]
        return res, out_patient.shape

    @action
    @inbatch_parallel(init="indices", post="_post_mean", target="threads")
    def measure(self, index, *args, **kwargs):
        return float(self.scan(index).mean())

    def _post_mean(self, results, sink="means", **kwargs):
        setattr(self, sink, results)
        return self

    @action
    def project(self, depth):
        def worker(self, index, depth, sink, **kwargs):
            sink[self.index.get_pos(index)] = self.scan(index)[:depth].max(axis=0)

        sink = np.zeros((len(self), *self.images.shape[1:]))
        wrapped = inbatch_parallel(init="indices", target="threads")(worker)
        wrapped(self, depth=depth, sink=sink)
        self.projected = sink
        return self

    @classmethod
    def merge(cls, batches, batch_size=None, components=None, batch_class=None):
        ids = np.concatenate([batch.indices for batch in batches])
        heights = np.concatenate([b.upper_bounds - b.lower_bounds for b in batches])
        n = len(ids) if batch_size is None else min(batch_size, len(ids))
        images = np.concatenate([batch.images for batch in batches])
        spacing = np.concatenate([batch.spacing for batch in batches])
        bounds = np.cumsum(np.insert(heights, 0, 0))
        parts = []
        for first, last in ((0, n), (n, len(ids))):
            if first == last:
                parts.append(None)
                continue
            part = cls(DatasetIndex(ids[first:last]))
            part._init_data(
                images=images[bounds[first] : bounds[last]],
                bounds=bounds[first : last + 1] - bounds[first],
                spacing=spacing[first:last],
            )
            parts.append(part)
        return tuple(parts)


def main():
    rng = np.random.default_rng(2)
    scans = {f"p{i}": rng.random((3 + i % 4, 4, 5)) for i in range(11)}
    dataset = Dataset(list(scans), ScansBatch)
    dataset.cv_split(n_splits=3, shuffle=4)
    out = {"folds": [getattr(dataset, f"cv{i}").test.indices.tolist() for i in range(3)]}

    pipeline = (
        dataset.cv0.train.pipeline()
        .init_variable("means", [])
        .load(fmt="dicts", src=scans)
        .flip()
        .measure(sink="means")
        .project(depth=2)
        .update(V("means", mode="e"), B.means)
    )
    batches = list(pipeline.gen_batch(3, shuffle=8, n_epochs=1))
    out["batches"] = [batch.indices.tolist() for batch in batches]
    out["bounds"] = [batch._bounds.tolist() for batch in batches]
    out["shapes"] = [list(batch.images.shape) for batch in batches]
    out["means"] = [round(mean, 6) for mean in pipeline.v("means")]
    first = batches[0]
    index = first.indices[0]
    out["flipped"] = bool((first.scan(index) == scans[index][::-1]).all())
    out["projected"] = round(float(first.projected.sum()), 6)
    out["new"] = [list(b.images.shape) for b in [first.flip(new_batch=True)]]

    rebatched = (dataset >> Pipeline().load(fmt="dicts", src=scans)).rebatch(4)
    counted = rebatched.call(len, B())
    out["rebatched"] = [batch._bounds.tolist() for batch in counted.gen_batch(3, n_epochs=1)]
    print(json.dumps(out))


if __name__ == "__main__":
    main()
