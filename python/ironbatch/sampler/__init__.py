"""Samplers: random points whose distributions are put together by operators."""

from ironbatch.sampler.composites import (
    AndSampler,
    ApplySampler,
    ArithmeticSampler,
    OrSampler,
    WeightedSampler,
)
from ironbatch.sampler.constant import ConstantSampler
from ironbatch.sampler.histo import HistoSampler
from ironbatch.sampler.names import ALIASES
from ironbatch.sampler.numpy_sampler import NumpySampler
from ironbatch.sampler.sampler import Sampler
from ironbatch.sampler.scipy_sampler import ScipySampler
from ironbatch.sampler.truncate import TruncateSampler

__all__ = [
    "ALIASES",
    "AndSampler",
    "ApplySampler",
    "ArithmeticSampler",
    "ConstantSampler",
    "HistoSampler",
    "NumpySampler",
    "OrSampler",
    "Sampler",
    "ScipySampler",
    "TruncateSampler",
    "WeightedSampler",
]
