"""Files of `TorchModel`: weights and the state of training as safetensors, the rest as JSON.

Weights have the names that the module gives them, so other programs can read them. What training
needs has names that begin with `TRAINING`; numbers and settings are JSON in the header of the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ironbatch.extras import need
from ironbatch.models.files import existing, written_whole
from ironbatch.models.sources import path_of

__all__ = ["load", "save"]

TRAINING = "ironbatch.training/"
VERSION = 1
KEYS = {"updates", "batches", "pending", "optimizer", "groups", "state", "scheduler", "scaler"}
"""What the header says about training."""


# Saving


def save(model: Any, path: Any, training: bool) -> None:
    """Write the file of a model; see `TorchModel.save`."""
    safetensors = need("safetensors.torch", extra="torch", what="saving a TorchModel")
    tensors: dict[str, Any] = {}
    places: set[int] = set()
    for name, value in model.module.state_dict().items():
        tensors[name] = _writable(name, value, places)
    header: dict[str, Any] = {"version": VERSION, "module": path_of(model.module)}
    if training and model.optimizer is not None:
        header["training"] = _training(model, tensors)
    with written_whole(path) as part:
        safetensors.save_file(tensors, part, {"format": "pt", "ironbatch": json.dumps(header)})


def _writable(name: str, value: Any, places: set[int]) -> Any:
    import torch
    from torch.nn.parameter import is_lazy

    if not isinstance(value, torch.Tensor):
        raise TypeError(
            f"{name!r} is a {type(value).__name__}; a safetensors file has tensors alone"
        )
    if is_lazy(value):
        raise ValueError(f"{name!r} has no shape before the first batch; train or predict first")
    tensor = value.detach().cpu().contiguous()
    # Weights that share memory are written each: a safetensors file has no shared ones.
    place = tensor.untyped_storage().data_ptr()
    if place in places:
        tensor = tensor.clone()
    places.add(place)
    return tensor


def _training(model: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    import torch

    state = model.optimizer.state_dict()
    numbers: dict[str, dict[str, Any]] = {}
    for place, values in state["state"].items():
        numbers[str(place)] = {}
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                key = f"{TRAINING}{place}/{name}"
                tensors[key] = value.detach().cpu().contiguous().clone()
            else:
                numbers[str(place)][name] = value
    if model._pending:
        for name, parameter in model.module.named_parameters():
            if parameter.grad is not None:
                tensors[f"{TRAINING}gradient/{name}"] = parameter.grad.detach().cpu().clone()
    known = {
        "updates": model.updates,
        "batches": model._batches,
        "pending": model._pending,
        "optimizer": path_of(model.optimizer),
        "groups": state["param_groups"],
        "state": numbers,
        "scheduler": None,
        "scaler": None if model._scaler is None else model._scaler.state_dict(),
    }
    if model.scheduler is not None:
        known["scheduler"] = {
            "class": path_of(model.scheduler),
            "state": model.scheduler.state_dict(),
        }
    try:
        checked: dict[str, Any] = json.loads(json.dumps(known, default=_number))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the state of {type(model.optimizer).__name__} or of the scheduler cannot be written "
            f"as JSON ({error}); save the weights alone with training=False"
        ) from error
    return checked


def _number(value: Any) -> Any:
    """Give the number for a tensor or array scalar, as the rate may be one."""
    if getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError(f"of type {type(value).__name__}")


# Loading


def load(model: Any, path: Any, training: bool) -> None:
    """Read a file into a model; see `TorchModel.load`."""
    safetensors = need("safetensors", extra="torch", what="loading a TorchModel")
    file_path = existing(path, model)
    try:
        with safetensors.safe_open(file_path, "pt", device="cpu") as file:
            header = json.loads((file.metadata() or {}).get("ironbatch", "{}"))
            names = list(file.keys())
            _check_weights(model, file, names, file_path)
            tensors = {
                name: file.get_tensor(name)
                for name in names
                if training or not name.startswith(TRAINING)
            }
    except (safetensors.SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
        message = f"{model!r}: {str(file_path)!r} is no whole safetensors file: {error}"
        raise ValueError(message) from error
    if header.get("version", VERSION) != VERSION:
        raise ValueError(
            f"{str(file_path)!r} is of version {header['version']}; this ironbatch reads {VERSION}"
        )
    known = header.get("training") if training else None
    if known is not None and not known.keys() >= KEYS:
        raise ValueError(f"{str(file_path)!r} lacks a part of the state of training")
    restored = None if known is None else _restored(model, known, tensors, file_path)
    weights = {name: value for name, value in tensors.items() if not name.startswith(TRAINING)}
    model.module.load_state_dict(weights)
    model.module.zero_grad(set_to_none=True)
    model.optimizer = model.scheduler = model._scaler = None
    model.updates = model._batches = model._pending = 0
    if restored is not None:
        _adopt(model, *restored)


def _check_weights(model: Any, file: Any, names: list[str], path: Any) -> None:
    """Refuse weights that are not those of the module.

    Raises
    ------
    ValueError
        Naming the model, the file, and both shapes of what differs.
    """
    from torch.nn.parameter import is_lazy

    own = model.module.state_dict()
    there = {name for name in names if not name.startswith(TRAINING)}
    wrong = [f"{name!r} is not in the file" for name in own if name not in there]
    wrong += [f"{name!r} is in the file alone" for name in sorted(there - own.keys())]
    for name, value in own.items():
        if name in there and not is_lazy(value):
            shape = tuple(file.get_slice(name).get_shape())
            if shape != tuple(value.shape):
                wrong.append(f"{name!r} is {shape} in the file, {tuple(value.shape)} in the model")
    if wrong:
        shown = "; ".join(wrong[:5])
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ValueError(f"weights differ: {model!r} and {str(path)!r}: {shown}{more}")


def _restored(
    model: Any, known: dict[str, Any], tensors: dict[str, Any], path: Any
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Check the state of training, without a change to the model."""
    import torch
    from torch.nn.parameter import is_lazy

    from ironbatch.models.torch_options import make_optimizer, make_scheduler

    # Stand-ins: what the model has may be in use, and an error must leave it as it was.
    stand_in = [
        torch.zeros(0) if is_lazy(parameter) else parameter.detach()
        for parameter in model.module.parameters()
    ]
    try:
        optimizer = make_optimizer(model.config.get("optimizer"), stand_in)
    except Exception as error:
        error.add_note(f"while the optimizer of {model!r} was made")
        raise
    scheduler = None
    if model.config.get("scheduler") is not None:
        scheduler, _ = make_scheduler(model.config["scheduler"], optimizer)
    _check_same("optimizer", known["optimizer"], optimizer, model, path)
    there = known["scheduler"]
    _check_same("scheduler", there and there["class"], scheduler, model, path)
    state: dict[int, dict[str, Any]] = {
        int(place): dict(values) for place, values in known["state"].items()
    }
    gradients: dict[str, Any] = {}
    for name, value in tensors.items():
        if name.startswith(TRAINING):
            place, _, key = name.removeprefix(TRAINING).partition("/")
            if place == "gradient":
                gradients[key] = value.clone()
            else:
                state.setdefault(int(place), {})[key] = value.clone()
    groups = optimizer.state_dict()["param_groups"]
    sizes = [len(group["params"]) for group in groups]
    if sizes != [len(group["params"]) for group in known["groups"]]:
        raise ValueError(f"{str(path)!r} has other groups of parameters than {model!r}")
    read = [_like(own, group) for own, group in zip(groups, known["groups"], strict=True)]
    restored = {"state": state, "param_groups": read}
    optimizer.load_state_dict(restored)
    return known, restored, gradients


def _check_same(what: str, there: str | None, own: Any, model: Any, path: Any) -> None:
    mine = None if own is None else path_of(own)
    if there != mine:
        raise ValueError(
            f"{str(path)!r} was saved with the {what} {there}, and {model!r} has {mine}; "
            "load the weights alone with training=False"
        )


def _adopt(
    model: Any, known: dict[str, Any], state: dict[str, Any], gradients: dict[str, Any]
) -> None:
    model._prepare()
    model.optimizer.load_state_dict(state)
    if model.scheduler is not None:
        own = model.scheduler.state_dict()
        model.scheduler.load_state_dict(_like(own, known["scheduler"]["state"]))
    if model._scaler is not None and known["scaler"] is not None:
        model._scaler.load_state_dict(known["scaler"])
    model.updates = known["updates"]
    model._batches = known["batches"]
    model._pending = known["pending"]
    for name, parameter in model.module.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device)


def _like(own: Any, read: Any) -> Any:
    """Give what was read from JSON with the types it had: tuples, and keys that are numbers."""
    if isinstance(own, tuple) and isinstance(read, list):
        return tuple(read)
    if isinstance(own, Mapping) and isinstance(read, Mapping):
        by_text = {str(key): key for key in own}
        values = {by_text.get(k, k): _like(own.get(by_text.get(k)), v) for k, v in read.items()}
        if any(not isinstance(key, str) for key in own):
            values = {int(key) if isinstance(key, str) else key: v for key, v in values.items()}
        return values if type(own) is dict else type(own)(values)  # type: ignore[call-arg]
    return read
