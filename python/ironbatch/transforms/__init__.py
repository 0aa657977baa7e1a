"""Transformations of ranges of values: normalization and quantization."""

from ironbatch.transforms.normalizer import Normalizer
from ironbatch.transforms.quantizer import Quantizer

__all__ = ["Normalizer", "Quantizer"]
