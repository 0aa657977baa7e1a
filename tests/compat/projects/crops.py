"""Crops of a volume in one float32 buffer: a batch that reads and writes attributes its own way."""

import json
import sys
from functools import wraps
from inspect import signature

import numpy as np
from batchflow import (
    Batch,
    Dataset,
    DatasetIndex,
    Pipeline,
    SkipBatchException,
    V,
    action,
    any_action_failed,
)
from batchflow import apply_parallel as apply_parallel_decorator
from batchflow.batch import MethodsTransformingMeta


def mirror(array, axis=0):
    return np.flip(array, axis)


def shake(array, scale, rng):
    return array + scale * rng.normal(size=array.shape)


def add_methods(functions):
    def add(cls):
        for function in functions:

            @wraps(function)
            def method(self, _, buffer, *args, function=function, src=None, dst=None, **kwargs):
                buffer[:] = function(buffer, *args, **kwargs)

            requires_rng = "rng" in signature(function).parameters
            setattr(
                cls,
                function.__name__,
                cls.use_apply_parallel(method, requires_rng=requires_rng),
            )
        return cls

    return add


class CountingMeta(MethodsTransformingMeta):
    made = []

    def __new__(mcls, name, bases, namespace):
        mcls.made.append(name)
        return super().__new__(mcls, name, bases, namespace)


class Plots:
    def describe(self):
        return {name: list(order) for name, order in self.name_to_order.items()}


@add_methods([mirror, shake])
class CropBatch(Batch, Plots, metaclass=CountingMeta):
    apply_defaults = {"init": "preallocating_init", "post": "noop_post", "target": "for"}

    @action
    def add_components(self, components, init=None):
        names = [components] if isinstance(components, str) else components
        for component in names:
            if hasattr(self.dataset, component):
                raise ValueError(f"`{component}` is an attribute of the dataset")
        super().add_components(components=components, init=init)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if isinstance(value, np.ndarray) and value.ndim == 4 and name not in self.name_to_order:
            self.name_to_order[name] = np.array(["i", "x", "d"])

    def __getattr__(self, name):
        if name == "volume_shape":
            return self.dataset.volume.shape
        return super().__getattr__(name)

    def get(self, item=None, component=None):
        if component in (self.components or ()):
            data = self._data[component]
        elif component in self.__dict__:
            data = self.__dict__[component]
        else:
            return getattr(self.dataset, component)
        return data if item is None else data[item]

    def deepcopy(self, preserve=False):
        new = super().deepcopy()
        if preserve:
            new._dataset = self.dataset
            new.pipeline = self.pipeline
        return new

    def preallocating_init(self, src=None, dst=None, buffer_type=None, **kwargs):
        dst = src if dst is None else dst
        if dst == src:
            buffer = self.get(component=src)
        else:
            if src is None or buffer_type is not None:
                buffer = getattr(np, buffer_type)((len(self), *self.crop_shape), dtype=np.float32)
            else:
                buffer = self.get(component=src).copy()
            self.add_components(dst, buffer)
        return list(zip(self.indices, buffer))

    def noop_post(self, all_results, **kwargs):
        if any_action_failed(all_results):
            raise RuntimeError("Could not assemble!") from self.get_errors(all_results)[0]
        return self

    def stats_post(self, all_results, func, src=None, **kwargs):
        self.noop_post(all_results, **kwargs)
        self.add_components(f"stats_{src}", [result[1] for result in all_results])
        self.post_of = func.__name__
        return self

    @action
    def make_locations(self, generator, batch_size=None):
        places = generator(batch_size)
        locations = [
            [slice(*x) for x in zip(start, stop)]
            for start, stop in zip(places[:, :3], places[:, 3:])
        ]
        new_batch = type(self)(DatasetIndex.from_index(index=np.arange(len(places))))
        new_batch.add_components(("locations", "generated"), (locations, places))
        new_batch.crop_shape = places[0, 3:] - places[0, :3]
        new_batch.name_to_order = {}
        new_batch.pipeline = self.pipeline
        return new_batch

    @apply_parallel_decorator(buffer_type="empty")
    def load_crops(self, ix, buffer, dst, src=None, **kwargs):
        buffer[:] = self.get(component="volume")[tuple(self.get(ix, "locations"))]

    load_cubes = load_crops

    @action
    @apply_parallel_decorator(buffer_type="zeros")
    def create_masks(self, ix, buffer, dst, src=None, threshold=0.5, **kwargs):
        crop = self.get(ix, "crops")
        buffer[crop > threshold] = 1

    @apply_parallel_decorator(post="stats_post")
    def normalize(self, ix, buffer, src, dst=None):
        mean = float(buffer.mean())
        buffer -= mean
        return buffer, {"mean": mean}

    @apply_parallel_decorator(init="data", post="_assemble")
    def thin(self, crop, step=2, src=None, dst=None):
        return crop[..., ::step]

    @apply_parallel_decorator(init="indices", post=None)
    def note(self, ix, src, accumulator, dst=None):
        accumulator.update(ix, self.get(ix, src))

    @action
    def rebatch_on_condition(self, src, threshold):
        data = self.get(component=src)
        kept = np.array([i for i, item in enumerate(data) if item.mean() > threshold])
        if not len(kept):
            raise SkipBatchException
        self.index = DatasetIndex.from_index(index=kept)
        for component in list(self.components):
            value = self.get(component=component)
            value = value[kept] if isinstance(value, np.ndarray) else [value[i] for i in kept]
            setattr(self, component, value)
        return self


class CropDataset(Dataset):
    def __init__(self, index, batch_class=CropBatch, *args, volume=None, **kwargs):
        super().__init__(index, batch_class=batch_class, *args, volume=volume, **kwargs)


class Accumulator:
    def __init__(self):
        self.seen = []

    def update(self, ix, crop):
        self.seen.append([int(ix), crop.shape[-1]])


class Generator:
    def __init__(self, shape):
        self.rng = np.random.default_rng(5)
        self.shape = shape

    def __call__(self, n):
        starts = self.rng.integers(0, np.array(self.shape) - 6, size=(n, 3))
        return np.hstack([starts, starts + (4, 5, 6)])


def main():
    volume = np.random.default_rng(1).random((20, 22, 24), dtype=np.float32)
    dataset = CropDataset(["field"], volume=volume)
    accumulator = Accumulator()
    pipeline = (
        Pipeline()
        .init_variable("kept", [])
        .make_locations(generator=Generator(volume.shape), batch_size=6)
        .load_crops(dst="crops")
        .create_masks(dst="masks", threshold=0.7)
        .mirror(src="crops", axis=2)
        .normalize(src="crops")
        .thin(src="masks", dst="thinned")
        .note(src="thinned", accumulator=accumulator)
        .rebatch_on_condition(src="masks", threshold=0.3)
        .shake(src="crops", scale=0.0)
    ) << dataset
    batch = pipeline.next_batch(1)
    out = {
        "indices": batch.indices.tolist(),
        "shapes": [list(batch.crops.shape), list(batch.masks.shape), list(batch.thinned.shape)],
        "sums": [round(float(c.sum()), 3) for c in (batch.masks, batch.thinned)],
        "contiguous": bool(batch.crops.flags.c_contiguous),
        "dtype": str(batch.crops.dtype),
        "order": batch.describe(),
        "stats": [round(one["mean"], 5) for one in batch.stats_crops],
        "post_of": batch.post_of.strip("_"),
        "volume_shape": list(batch.volume_shape),
        "seen": accumulator.seen,
        "made": "CropBatch" in CountingMeta.made,
        "raw": callable(CropBatch._normalize_),
    }
    copied = batch.deepcopy(preserve=True)
    copied.crops[:] = 0
    out["copy"] = [bool(batch.crops.any()), copied.dataset is batch.dataset]
    try:
        batch.add_components("volume", 1)
    except ValueError:
        out["refused"] = True
    try:
        batch.nonsense
    except AttributeError:
        out["unknown"] = True

    # What a map of metrics does: the part of a pipeline up to an action, for one more batch.
    at = [i for i, one in enumerate(pipeline._actions) if one["name"] == "normalize"][0]
    part = Pipeline(pipeline=pipeline, actions=pipeline._actions[:at])
    again = part.execute_for(dataset.next_batch(1))
    out["part"] = [len(part._actions), sorted(again.components)]
    out["kwargs"] = pipeline._actions[at]["kwargs"]
    out["evaluated"] = part._eval_expr({"kept": V("kept")}, batch=again)
    print(json.dumps(out))


if __name__ == "__main__":
    sys.exit(main())
