"""Models for pipelines: what one is, adapters for libraries, and metrics."""

import typing as _typing

from ironbatch.models.protocol import Model

if _typing.TYPE_CHECKING:
    from ironbatch.models.metrics import ClassificationMetrics, SegmentationMetrics
    from ironbatch.models.sklearn_model import SklearnModel
    from ironbatch.models.torch_model import TorchModel

__all__ = [
    "ClassificationMetrics",
    "Model",
    "SegmentationMetrics",
    "SklearnModel",
    "TorchModel",
]

_LAZY = {
    "ClassificationMetrics": "ironbatch.models.metrics",
    "SegmentationMetrics": "ironbatch.models.metrics",
    "SklearnModel": "ironbatch.models.sklearn_model",
    "TorchModel": "ironbatch.models.torch_model",
}


if not _typing.TYPE_CHECKING:  # to a checker a module with this function has attributes of any name

    def __getattr__(name: str) -> object:
        # A pipeline imports the protocol; the rest is imported by those who use it.
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_LAZY[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
