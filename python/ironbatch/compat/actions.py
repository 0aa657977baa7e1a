"""Steps of a pipeline as the dictionaries that BatchFlow keeps, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ironbatch.pipeline.chain.step import Step

__all__ = ["as_dict", "as_step"]

_MODELS = {"train_model", "predict_model", "save_model", "load_model"}


def as_dict(step: Step) -> dict[str, Any]:
    """Give the dictionary of a step.

    Examples
    --------
    >>> as_dict(Step('crop', ((2, 2),), {'p': .5}))
    {'name': 'crop', 'args': ((2, 2),), 'kwargs': {'p': 0.5}, 'proba': None, 'repeat': None}
    """
    action: dict[str, Any] = {
        "name": step.name,
        "args": step.args,
        "kwargs": step.kwargs,
        "proba": step.proba,
        "repeat": step.repeat,
    }
    if step.nested is not None:
        return {**action, "name": "#_pipeline", "pipeline": step.nested}
    if step.kind == "action":
        return action if step.save_to is None else {**action, "save_to": step.save_to}
    action["name"] = f"#_{step.kind}"
    args = list(step.args)
    match step.kind:
        case "call":
            action |= {"fn": args.pop(0), "save_to": step.save_to}
        case "update":
            action |= {"expr": args[0], "value": args[1]}
            args = []
        case "import_model":
            action |= {"model_name": args[0], "source": args[1]}
            args = []
        case "acquire_lock" | "release_lock":
            action["lock_name"] = args.pop(0)
        case "join":
            action |= {"pipelines": tuple(args), "mode": "i"}
            args = []
        case "gather_metrics":
            action |= {"metrics_class": args.pop(0), "save_to": step.save_to}
        case kind if kind in _MODELS:
            action |= {"model_name": args.pop(0), "save_to": step.save_to}
    return {**action, "args": tuple(args)}


def as_step(action: Any) -> Step:
    """Make a step of a dictionary; a step stays what it is.

    Raises
    ------
    ValueError
        If the action is of a kind that there is not here.

    Examples
    --------
    >>> as_step({'name': 'crop', 'args': (), 'kwargs': {'shape': (2, 2)}})
    crop(shape=(2, 2))
    """
    if isinstance(action, Step):
        return action
    if not isinstance(action, Mapping):
        raise TypeError(f"an action is a dictionary with name, args and kwargs, got {action!r}")
    name: str = action["name"]
    common: dict[str, Any] = {"proba": action.get("proba"), "repeat": action.get("repeat")}
    args, kwargs = tuple(action.get("args", ())), dict(action.get("kwargs", {}))
    if not name.startswith("#_"):
        return Step(name, args, kwargs, save_to=action.get("save_to"), **common)
    kind = name[2:]
    if kind == "pipeline":
        return Step("pipeline", nested=action["pipeline"], **common)
    match kind:
        case "call":
            args = (action["fn"], *args)
        case "update":
            args = (action["expr"], action["value"])
        case "import_model":
            args = (action["model_name"], action["source"])
        case "acquire_lock" | "release_lock":
            args = (action["lock_name"], *args)
        case "join":
            args = tuple(action["pipelines"])
        case "gather_metrics":
            args = (action["metrics_class"], *args)
        case "print" | "discard_batch":
            pass
        case _ if kind in _MODELS:
            args = (action["model_name"], *args)
        case _:
            raise ValueError(f"an action of BatchFlow's kind {name!r} cannot be taken over")
    return Step(kind, args, kwargs, kind, action.get("save_to"), **common)
