"""What a config names of torch: losses, optimizers, schedulers, precision."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

from ironbatch.config import Config
from ironbatch.models.sources import imported, plain

__all__ = ["compares_floats", "make_loss", "make_optimizer", "make_scheduler", "precision"]

LOSSES = {
    "ce": "CrossEntropyLoss",
    "crossentropy": "CrossEntropyLoss",
    "bce": "BCEWithLogitsLoss",
    "nll": "NLLLoss",
    "mse": "MSELoss",
    "l2": "MSELoss",
    "mae": "L1Loss",
    "l1": "L1Loss",
    "huber": "HuberLoss",
}
"""Short names; any class of ``torch.nn`` that ends with Loss does."""

FLOAT_LOSSES = (
    "BCELoss",
    "BCEWithLogitsLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
)
"""Losses that compare floats with floats, number by number."""


def _split(option: Any) -> tuple[Any, dict[str, Any]]:
    """Give the name or object, and the arguments beside it."""
    if isinstance(option, Config):
        arguments = plain(option)
        return arguments.pop("name", None), arguments
    return option, {}


def _found(namespace: Any, name: str, option: str, base: Any) -> Any:
    """Give the class of that name, without regard to case."""
    known = {
        one.lower(): cls
        for one, cls in vars(namespace).items()
        if inspect.isclass(cls) and issubclass(cls, base) and cls is not base
    }
    if name.lower() in known:
        return known[name.lower()]
    if "." in name:
        return imported(name, option)
    names = [cls.__name__ for cls in known.values()]
    near = get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"; near names: {', '.join(near)}" if near else f"; it is one of {', '.join(names)}"
    raise ValueError(f"option {option!r} is not known: {name!r}{hint}")


def make_loss(option: Any, device: Any) -> Any:
    """Make the loss: a name, a dict with ``name`` and arguments, a class or a callable.

    Raises
    ------
    ValueError
        If there is no loss of that name.
    TypeError
        If it is none of these.
    """
    from torch import nn

    given, arguments = _split(option)
    if isinstance(given, str):
        full = LOSSES.get(given.lower(), given)
        given = _found(nn.modules.loss, full, "loss", nn.Module)
    if inspect.isclass(given):
        given = given(**arguments)
    elif arguments:
        raise TypeError(f"arguments of a loss need a name or class, got {given!r}")
    if not callable(given):
        raise TypeError(f"option 'loss' is a name, a class or a function, got {given!r}")
    return given.to(device) if isinstance(given, nn.Module) else given


def compares_floats(loss: Any) -> bool:
    """Whether a loss takes floats of the same shape as targets."""
    return type(loss).__module__.startswith("torch.nn") and type(loss).__name__ in FLOAT_LOSSES


def make_optimizer(option: Any, parameters: Any) -> Any:
    """Make the optimizer: a name, a dict with ``name`` and arguments, or a callable."""
    from torch import optim

    given, arguments = _split(option)
    if given is None:
        given = "Adam"
    if isinstance(given, str):
        given = _found(optim, given, "optimizer", optim.Optimizer)
    if not callable(given):
        raise TypeError(f"option 'optimizer' is a name, a dict or a class, got {given!r}")
    return given(parameters, **arguments)


def make_scheduler(option: Any, optimizer: Any) -> tuple[Any, int]:
    """Make the scheduler, and say after how many updates it steps.

    Parameters
    ----------
    option : str, Config or callable
        A name, a dict with ``name``, ``every`` and arguments, or a callable.
    optimizer : torch.optim.Optimizer
        Whose rate it changes.
    """
    from torch.optim import lr_scheduler

    given, arguments = _split(option)
    every = arguments.pop("every", 1)
    if not isinstance(every, int) or every < 1:
        raise ValueError(f"option 'scheduler/every' is a number of updates from 1, got {every!r}")
    if isinstance(given, str):
        given = _found(lr_scheduler, given, "scheduler", lr_scheduler.LRScheduler)
    if not callable(given):
        raise TypeError(f"option 'scheduler' is a name, a dict or a class, got {given!r}")
    return given(optimizer, **arguments), every


def precision(option: Any, device: Any) -> Any:
    """Give the dtype of mixed precision, None without it.

    Parameters
    ----------
    option : bool or {'bf16', 'fp16'}
        True takes bf16 where the device can, and fp16 otherwise.
    device : torch.device
        Where the model is.
    """
    import torch

    if option is None or option is False:
        return None
    names = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if option is True:
        bf16 = device.type != "cuda" or torch.cuda.is_bf16_supported()
        return names["bf16" if bf16 else "fp16"]
    if option not in names:
        raise ValueError(f"option 'amp' is True, False, 'bf16' or 'fp16', got {option!r}")
    return names[option]
