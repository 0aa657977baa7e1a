"""Batches, datasets and pipelines for machine-learning data, with a Rust core."""

import typing as _typing

from ironbatch._core import version as _version
from ironbatch.actions.action import action
from ironbatch.actions.apply_parallel import apply_parallel
from ironbatch.actions.failure import any_action_failed
from ironbatch.actions.inbatch_parallel import inbatch_parallel
from ironbatch.actions.mjit import make_function, mjit
from ironbatch.actions.parallel import parallel
from ironbatch.actions.policy import Replacement
from ironbatch.batch import Batch
from ironbatch.config import Config
from ironbatch.dataset import Dataset
from ironbatch.errors import (
    ActionError,
    ComponentError,
    DuplicateIdWarning,
    EmptyBatchSequence,
    FormatError,
    IronbatchError,
    LossyWriteError,
    MissingPackageError,
    SkipBatchException,
    StopPipeline,
    TooManyFailuresError,
    UnknownColumnError,
    UnknownIdError,
    WorkerDiedError,
)
from ironbatch.index import Baseset, Blocks, DatasetIndex, FilesIndex
from ironbatch.namedexpr import (
    IF,
    PP,
    B,
    C,
    D,
    F,
    I,
    L,
    M,
    NamedExpression,
    P,
    R,
    V,
    W,
    eval_expr,
)
from ironbatch.random import make_rng, make_seed_sequence, spawn_seed_sequence

if _typing.TYPE_CHECKING:
    from ironbatch import kernels
    from ironbatch.images import ImagesBatch
    from ironbatch.kernels import get_sdk, load_kernels
    from ironbatch.kernels.jit import kernel
    from ironbatch.monitor import (
        MONITOR_ALIASES,
        CPUMonitor,
        DirDiskMonitor,
        DiskIOMonitor,
        GPUMemoryMonitor,
        GPUMemoryUtilizationMonitor,
        GPUMonitor,
        Monitor,
        ResourceMonitor,
        RSSMonitor,
        SHRMonitor,
        TotalCPUMonitor,
        TotalDiskMonitor,
        TotalMemoryMonitor,
        USSMonitor,
        VMSMonitor,
    )
    from ironbatch.pipeline import Pipeline
    from ironbatch.progress import Notifier, notifier
    from ironbatch.sampler import (
        ConstantSampler,
        HistoSampler,
        NumpySampler,
        Sampler,
        ScipySampler,
    )
    from ironbatch.transforms import Normalizer, Quantizer

__version__: str = _version()

__all__ = [
    "IF",
    "MONITOR_ALIASES",
    "PP",
    "ActionError",
    "B",
    "Baseset",
    "Batch",
    "Blocks",
    "C",
    "CPUMonitor",
    "ComponentError",
    "Config",
    "ConstantSampler",
    "D",
    "Dataset",
    "DatasetIndex",
    "DirDiskMonitor",
    "DiskIOMonitor",
    "DuplicateIdWarning",
    "EmptyBatchSequence",
    "F",
    "FilesIndex",
    "FormatError",
    "GPUMemoryMonitor",
    "GPUMemoryUtilizationMonitor",
    "GPUMonitor",
    "HistoSampler",
    "I",
    "ImagesBatch",
    "IronbatchError",
    "L",
    "LossyWriteError",
    "M",
    "MissingPackageError",
    "Monitor",
    "NamedExpression",
    "Normalizer",
    "Notifier",
    "NumpySampler",
    "P",
    "Pipeline",
    "Quantizer",
    "R",
    "RSSMonitor",
    "Replacement",
    "ResourceMonitor",
    "SHRMonitor",
    "Sampler",
    "ScipySampler",
    "SkipBatchException",
    "StopPipeline",
    "TooManyFailuresError",
    "TotalCPUMonitor",
    "TotalDiskMonitor",
    "TotalMemoryMonitor",
    "USSMonitor",
    "UnknownColumnError",
    "UnknownIdError",
    "V",
    "VMSMonitor",
    "W",
    "WorkerDiedError",
    "__version__",
    "action",
    "any_action_failed",
    "apply_parallel",
    "eval_expr",
    "get_sdk",
    "inbatch_parallel",
    "kernel",
    "kernels",
    "load_kernels",
    "make_function",
    "make_rng",
    "make_seed_sequence",
    "mjit",
    "notifier",
    "parallel",
    "spawn_seed_sequence",
]

_LAZY = {
    "Pipeline": "ironbatch.pipeline",
    "MONITOR_ALIASES": "ironbatch.monitor",
    "CPUMonitor": "ironbatch.monitor",
    "DirDiskMonitor": "ironbatch.monitor",
    "DiskIOMonitor": "ironbatch.monitor",
    "GPUMemoryMonitor": "ironbatch.monitor",
    "GPUMemoryUtilizationMonitor": "ironbatch.monitor",
    "GPUMonitor": "ironbatch.monitor",
    "Monitor": "ironbatch.monitor",
    "ResourceMonitor": "ironbatch.monitor",
    "RSSMonitor": "ironbatch.monitor",
    "SHRMonitor": "ironbatch.monitor",
    "TotalCPUMonitor": "ironbatch.monitor",
    "TotalDiskMonitor": "ironbatch.monitor",
    "TotalMemoryMonitor": "ironbatch.monitor",
    "USSMonitor": "ironbatch.monitor",
    "VMSMonitor": "ironbatch.monitor",
    "ImagesBatch": "ironbatch.images",
    "get_sdk": "ironbatch.kernels",
    "kernel": "ironbatch.kernels.jit",
    "load_kernels": "ironbatch.kernels",
    "ConstantSampler": "ironbatch.sampler",
    "HistoSampler": "ironbatch.sampler",
    "Normalizer": "ironbatch.transforms",
    "Notifier": "ironbatch.progress",
    "notifier": "ironbatch.progress",
    "NumpySampler": "ironbatch.sampler",
    "Quantizer": "ironbatch.transforms",
    "Sampler": "ironbatch.sampler",
    "ScipySampler": "ironbatch.sampler",
}


if not _typing.TYPE_CHECKING:  # to a checker a module with this function has attributes of any name

    def __getattr__(name: str) -> object:
        # What not every program needs is imported at its first use.
        if name == "kernels":
            import ironbatch.kernels as module

            return module
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_LAZY[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "kernels"})
