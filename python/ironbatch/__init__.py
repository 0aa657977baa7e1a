"""Batches, datasets and pipelines for machine-learning data, with a Rust core."""

from ironbatch._core import version as _version
from ironbatch.actions.action import action
from ironbatch.actions.apply_parallel import apply_parallel
from ironbatch.actions.failure import any_action_failed
from ironbatch.actions.inbatch_parallel import inbatch_parallel
from ironbatch.actions.mjit import make_function, mjit
from ironbatch.actions.parallel import parallel
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
    UnknownIdError,
)
from ironbatch.index import Baseset, DatasetIndex, FilesIndex
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
from ironbatch.pipeline import Pipeline
from ironbatch.random import make_rng, make_seed_sequence, spawn_seed_sequence

__version__: str = _version()

__all__ = [
    "IF",
    "PP",
    "ActionError",
    "B",
    "Baseset",
    "Batch",
    "C",
    "ComponentError",
    "Config",
    "D",
    "Dataset",
    "DatasetIndex",
    "DuplicateIdWarning",
    "EmptyBatchSequence",
    "F",
    "FilesIndex",
    "FormatError",
    "I",
    "IronbatchError",
    "L",
    "LossyWriteError",
    "M",
    "MissingPackageError",
    "NamedExpression",
    "P",
    "Pipeline",
    "R",
    "SkipBatchException",
    "StopPipeline",
    "UnknownIdError",
    "V",
    "W",
    "__version__",
    "action",
    "any_action_failed",
    "apply_parallel",
    "eval_expr",
    "inbatch_parallel",
    "make_function",
    "make_rng",
    "make_seed_sequence",
    "mjit",
    "parallel",
    "spawn_seed_sequence",
]
