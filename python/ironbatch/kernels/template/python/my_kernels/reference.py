"""What the kernels compute, in NumPy: what the tests compare them with."""

import numpy as np

__all__ = ["despike"]


def despike(x: np.ndarray, threshold: float = 3.0) -> np.ndarray:
    """Replace samples further than `threshold` from the mean of their two neighbours."""
    out = x.copy()
    mean = (x[:-2] + x[2:]) * x.dtype.type(0.5)
    inner = x[1:-1]
    out[1:-1] = np.where(abs(inner - mean) > threshold, mean, inner)
    return out
