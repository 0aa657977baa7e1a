"""Print a checksum of what each kernel makes of each dtype: for a process of its own."""

import hashlib
import json

import numpy as np

from ironbatch import kernels

DTYPES = ["uint8", "int16", "uint16", "float16", "float32", "float64"]
INTEGERS = ["uint8", "int16", "uint16"]
MATRIX = [[0.9, 0.2, 1.5], [-0.3, 1.1, 2.25]]

VALUES = {
    "scale_shift": [{"scale": 1.7, "shift": -3.3}],
    "clip": [{"low": 3.5, "high": 99.5}],
    "gamma": [{"gamma": 0.45}],
    "invert": [{}],
    "threshold": [{"level": 20.5}],
    "standardize": [
        {"mean": mean, "std": std, "scale": 1 / 255, "channels": channels, "dtype": to}
        for mean, std in [(None, None), (0.5, 0.25), ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])]
        for channels in ("last", "first")
        for to in ("float16", "float32", "float64")
    ],
    "minmax": [{}, {"low": -7, "high": 240, "dtype": "uint8"}],
    "quantize": [{"ranges": [0.5, 77.25]}],
    "transpose": [{}, {"axes": [2, 0, 1]}, {"axes": [1, 2, 0]}],
    "flip": [{}, {"axis": "vertical"}, {"axis": 2}],
    "center_crop": [{"size": [17, 16]}],
    "pad": [{"before": [3, 3], "after": [5, 5], "mode": "reflect"}],
    "patches": [{"size": [9, 8], "stride": [7, 5]}],
    "resize": [
        {"size": size, "interpolation": interpolation, "antialias": antialias}
        for size in ([20, 23], [50, 61])
        for interpolation in ("nearest", "bilinear", "bicubic", "lanczos", "area")
        for antialias in (True, False)
    ],
    "zoom": [{"factor": [1.3]}],
    "rotate": [
        {"angle": 15, "interpolation": interpolation, "border": border}
        for interpolation in ("nearest", "bilinear", "bicubic")
        for border in ("constant", "reflect")
    ],
    "affine": [{"matrix": MATRIX}],
    "convolve": [{"weights": np.arange(15.0).reshape(3, 5) / 70, "border": "edge"}],
    "gaussian_blur": [{"sigma": [1.3]}],
    "sliding": [
        {"size": [3, 4], "statistic": statistic} for statistic in ("mean", "rms", "min", "max")
    ],
    "resample": [{"length": 29}],
    "fir": [{"taps": [0.25, 0.5, -0.125, 0.3]}],
}
"""Parameters of kernels that take items of any dtype."""


def items(dtype):
    """Pictures with some numbers of channels, no width that of a vector, ends of the dtype."""
    rng = np.random.default_rng(7)
    for shape in ((37, 41, 3), (37, 41, 1), (24, 35, 4), (19, 23, 5)):
        if np.dtype(dtype).kind == "f":
            x = rng.normal(50, 60, shape).astype(dtype)
            x.flat[:4] = [-0.0, 2.5, np.finfo(dtype).tiny, 254.5]
        else:
            info = np.iinfo(dtype)
            x = rng.integers(max(info.min, -400), min(info.max, 500), shape).astype(dtype)
            x.flat[:4] = [info.min, info.max, 0, 1]
        yield x
        yield x[::-1]
        yield x.transpose(1, 0, 2)[:, 1:]


def cases(dtype):
    """Calls of kernels, with a name for each."""
    for number, x in enumerate(items(dtype)):
        for to in DTYPES:
            yield f"cast {number} {to}", lambda x=x, to=to: kernels.cast(x, dtype=to)
            yield (
                f"scale_shift {number} {to}",
                lambda x=x, to=to: kernels.scale_shift(x, scale=1.75, shift=-3.25, dtype=to),
            )
        for name, parameters in VALUES.items():
            for kwargs in parameters:
                if isinstance(kwargs.get("mean"), list) and x.shape[-1] != 3:
                    continue
                kernel = getattr(kernels, name)
                yield f"{name} {number} {kwargs}", lambda k=kernel, x=x, kw=kwargs: k(x, **kw)


def checksums():
    """Give the checksums by dtype and kernel."""
    found = {}
    for dtype in DTYPES:
        for name, call in cases(dtype):
            digest = found.setdefault(f"{dtype} {name.split()[0]}", hashlib.blake2b(digest_size=8))
            result = call()
            digest.update(f"{name} {result.shape} {result.dtype}".encode())
            digest.update(np.ascontiguousarray(result).tobytes())
    return {name: digest.hexdigest() for name, digest in found.items()}


if __name__ == "__main__":
    print(json.dumps(checksums()))
