"""Between batches of NumPy arrays and tensors of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ironbatch.extras import need

__all__ = ["computed", "described", "input_tensors", "target_tensors", "to_numpy"]

OUTPUTS = ("predictions", "proba", "sigmoid", "labels")


def _torch() -> Any:
    return need("torch", extra="torch", what="TorchModel")


def input_tensors(inputs: Any, device: Any, dtype: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the arguments of a module.

    Parameters
    ----------
    inputs : array, tensor, tuple or dict of them
        One argument; several; or several by name.
    device : torch.device
        Where they go.
    dtype : torch.dtype
        What floats, bools and integers of up to 16 bits become, as images and sounds are. Wider
        integers stay what they are: they are numbers of embeddings.
    """

    def convert(value: Any) -> Any:
        tensor = _tensor(value, "inputs")
        narrow = not tensor.is_complex() and (
            tensor.is_floating_point() or tensor.element_size() <= 2
        )
        return tensor.to(device, dtype) if narrow else tensor.to(device)

    if isinstance(inputs, Mapping):
        return (), {name: convert(value) for name, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(convert(value) for value in inputs), {}
    return (convert(inputs),), {}


def target_tensors(targets: Any, device: Any, dtype: Any, as_floats: bool) -> Any:
    """Give the targets for a loss: floats, or integers of 64 bits for classes.

    Parameters
    ----------
    targets : array, tensor, tuple or dict of them
        What a batch knows.
    device, dtype
        Where they go, and what floats become.
    as_floats : bool
        Whether integers become floats too.
    """
    if isinstance(targets, Mapping):
        return {k: target_tensors(v, device, dtype, as_floats) for k, v in targets.items()}
    if isinstance(targets, tuple):
        return tuple(target_tensors(one, device, dtype, as_floats) for one in targets)
    tensor = _tensor(targets, "targets")
    if as_floats or tensor.is_floating_point():
        return tensor.to(device, dtype)
    return tensor.to(device) if tensor.is_complex() else tensor.to(device, _torch().int64)


def _tensor(value: Any, what: str) -> Any:
    torch = _torch()
    if isinstance(value, torch.Tensor):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"{what} are arrays of numbers, with equal shapes of the items; got {array.dtype}: "
            "cut or pad ragged items first, and number labels that are str"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    # torch takes neither negative strides nor memory that it must not write to.
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.from_numpy(array)


def to_numpy(value: Any) -> Any:
    """Give arrays for tensors, also those in tuples, lists and dictionaries."""
    torch = _torch()
    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
        # NumPy has no bfloat16.
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    if isinstance(value, Mapping):
        return {name: to_numpy(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_numpy(one) for one in value]
    return value


def computed(result: Any, outputs: str | Callable[[Any], Any] | None) -> Any:
    """Compute an output from what a module returned.

    Parameters
    ----------
    result : tensor, or what the module returns
        It; classes lie along axis 1.
    outputs : {'predictions', 'proba', 'sigmoid', 'labels'}, callable or None
        The same as it is; probabilities; the sigmoid; numbers of classes; or a function of it.

    Raises
    ------
    ValueError
        If the name is none of these.
    TypeError
        If a name other than ``'predictions'`` is asked of something other than a tensor.
    """
    if outputs is None or outputs == "predictions":
        return result
    if callable(outputs):
        return outputs(result)
    if outputs not in OUTPUTS:
        raise ValueError(
            f"outputs are {', '.join(map(repr, OUTPUTS))} or functions, got {outputs!r}"
        )
    if not isinstance(result, _torch().Tensor):
        raise TypeError(
            f"the module returns a {type(result).__name__}, of which {outputs!r} cannot be "
            "computed; give a function of it as outputs"
        )
    result = result.float()
    if outputs == "sigmoid":
        return result.sigmoid()
    single = result.ndim < 2 or result.shape[1] == 1
    if outputs == "proba":
        return result.sigmoid() if single else result.softmax(1)
    if single:
        # A positive logit is a probability above one half.
        labels = (result > 0).long()
        return labels[:, 0] if labels.ndim > 1 else labels
    return result.argmax(1)


def described(value: Any) -> str:
    """Say what shapes a structure of tensors has."""
    torch = _torch()
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {described(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(described(one) for one in value)
    return type(value).__name__
