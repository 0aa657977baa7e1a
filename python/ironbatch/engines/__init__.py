"""Engines: what makes the batches of a run on other machines.

`protocol` says what an engine is, `local`, `dask` and `ray` have one each, and `registry` finds the
one that an argument ``engine=`` means.
"""

from ironbatch.engines.dask import Dask
from ironbatch.engines.local import Local
from ironbatch.engines.protocol import BatchRange, Engine, Outcome, SentPlan, Session
from ironbatch.engines.ray import Ray
from ironbatch.engines.registry import engine_for, register_engine

__all__ = [
    "BatchRange",
    "Dask",
    "Engine",
    "Local",
    "Outcome",
    "Ray",
    "SentPlan",
    "Session",
    "engine_for",
    "register_engine",
]
