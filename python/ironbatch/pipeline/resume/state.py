"""The state of a run as plain values: written, checked and read again."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np

from ironbatch.pipeline.resume.course import Stand
from ironbatch.pipeline.resume.fingerprint import describe, difference, fingerprint
from ironbatch.pipeline.resume.standing import Mark, Origin, Standing

__all__ = ["check", "copy_of", "origin_of", "state_of", "take_over"]

FORMAT = "ironbatch pipeline state"
VERSION = 1
STREAMS = {"name": "Philox4x64-10", "version": 1}
"""What random numbers are drawn from; another algorithm would go on with others."""

DECIDES = ("batch_size", "shuffle", "seed", "n_iters", "n_epochs", "drop_last")
"""Arguments that decide which batches a run makes."""

REMEMBERED = ("ignore_exceptions", "on_error", "max_failures", "retries", "backoff")
"""Arguments that a run goes on with, if they are plain values, unless others are given."""


def state_of(pipeline: Any, standing: Standing) -> dict[str, Any]:
    """Write down where a run stands."""
    rank, world = pipeline.shard_of
    written = _written(standing, standing.now)
    for name in REMEMBERED:
        # Not that of an earlier run, which this one may have gone on with.
        written["run"].pop(name, None)
        value = _plain(getattr(standing.options, name, None))
        if value is not None and not isinstance(value, dict):
            written["run"][name] = value
    state: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        **written,
        "batches": standing.batches,
        "streams": STREAMS,
        "plan": fingerprint(pipeline),
        "world_size": world,
        "rank": rank if written["rebatch"] else None,
    }
    state["check"] = _checksum(state)
    return copy_of(state)


def _written(standing: Standing, mark: Any) -> dict[str, Any]:
    """Write down a place in a run, and in those that feed it."""
    joined: list[dict[str, Any]] = []
    lowest = standing
    while isinstance(mark, Mark):
        assert lowest.below is not None
        place = mark.place
        joined.append(
            {
                "iteration": mark.iteration,
                "items": mark.items,
                "offset": place.offset,
                "skip": place.skip,
                "beside": [
                    _written(one, where)
                    for one, where in zip(lowest.beside, place.beside, strict=True)
                ],
            }
        )
        lowest, mark = lowest.below, place.below
    assert lowest.course is not None
    stand = lowest.course.at(mark)
    return {
        "epoch": stand.epoch,
        "position": stand.position,
        "left": stand.left,
        "iteration": stand.iteration,
        "items": stand.items,
        "seed": list(standing.stream_key),
        "order": lowest.order,
        "run": dict(standing.arguments or _arguments(standing.options)),
        "dataset_size": lowest.course.n,
        "rebatch": joined[::-1],
    }


def copy_of(state: dict[str, Any]) -> dict[str, Any]:
    """Copy a state, so that nobody changes it from outside."""
    copy: dict[str, Any] = json.loads(json.dumps(state))
    return copy


def _checksum(state: dict[str, Any]) -> str:
    kept = {name: state[name] for name in state if name != "check"}
    return f"{crc32(json.dumps(kept, sort_keys=True).encode()):08x}"


def _plain(value: Any) -> Any:
    """Give what JSON has for an argument; what is no number or text counts by its type."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if hasattr(value, "__index__") and not isinstance(value, np.ndarray):
        return operator.index(value)
    if isinstance(value, np.random.SeedSequence):
        entropy: Any = value.entropy
        if entropy is not None and not isinstance(entropy, int):
            entropy = [int(word) for word in entropy]
        return {"entropy": entropy, "spawn_key": [int(word) for word in value.spawn_key]}
    return {"type": type(value).__name__}


def _arguments(options: Any) -> dict[str, Any]:
    """Write down what a run was given."""
    arguments = {name: _plain(getattr(options, name)) for name in DECIDES}
    arguments["drop_last"] = bool(arguments["drop_last"])
    arguments["batch_kwargs"] = {
        name: describe(value) for name, value in sorted(options.batch_kwargs.items())
    }
    return arguments


def take_over(state: dict[str, Any], options: dict[str, Any], batch_kwargs: dict[str, Any]) -> None:
    """Complete the arguments of a run with those of the run that it goes on with.

    Raises
    ------
    ValueError
        If one that decides which batches are made is given and differs.
    """
    before = state["run"]
    differing = []
    for name in DECIDES:
        if name in options:
            given = _plain(options[name])
            if name == "drop_last":
                given = bool(given)
            if type(given) is not type(before[name]) or given != before[name]:
                differing.append(f"{name} was {before[name]!r} and is now {given!r}")
        # The order and the streams are in the state: a seed counts no more.
        options[name] = False if isinstance(before[name], dict) else before[name]
    for name in REMEMBERED:
        if name in before:
            options.setdefault(name, before[name])
    known = before["batch_kwargs"]
    for name in sorted({*known, *batch_kwargs}):
        if name not in batch_kwargs:
            differing.append(f"{name}, for the constructor of the batches, is missing")
        elif name not in known:
            differing.append(f"{name} was not given")
        elif describe(batch_kwargs[name]) != known[name]:
            differing.append(f"{name} was another value")
    if differing:
        raise ValueError(
            f"the run goes on with another one, and its arguments differ: {'; '.join(differing)}; "
            "leave out what was given then, or call reset() to start anew"
        )


def origin_of(state: dict[str, Any]) -> Origin:
    """Make of a state what a run begins with."""
    key = (state["seed"][0], state["seed"][1])
    counts = [state[name] for name in ("iteration", "epoch", "position", "items", "left")]
    batches = state.get("batches", 0)
    common = (state["order"], key, state["run"])
    origin = Origin(state["iteration"], state["items"], batches, Stand(*counts), *common)
    for level in state["rebatch"]:
        beside = tuple(origin_of(one) for one in level["beside"])
        place = (level["offset"], level["skip"], beside)
        origin = Origin(level["iteration"], level["items"], batches, None, *common, origin, *place)
    return origin


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_plan(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(step, list | tuple)
        and len(step) == 2
        and isinstance(step[0], str)
        and isinstance(step[1], str)
        for step in value
    )


def _is_run(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and {*DECIDES, "batch_kwargs"} <= value.keys()
        and _is_count(value["batch_size"])
        and value["batch_size"] > 0
        and all(value[name] is None or _is_count(value[name]) for name in ("n_iters", "n_epochs"))
        and isinstance(value["drop_last"], bool)
        and isinstance(value["batch_kwargs"], dict)
    )


_COUNT = ("a whole number from 0", _is_count)
_COUNT_OR_NONE = ("a whole number from 0, or None", lambda value: value is None or _is_count(value))

_ANY = ("a dict", lambda value: isinstance(value, dict))
_LIST = ("a list", lambda value: isinstance(value, list | tuple))

_PLACE: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "epoch": _COUNT,
    "position": _COUNT,
    "left": _COUNT_OR_NONE,
    "iteration": _COUNT,
    "items": _COUNT,
    "seed": (
        "two whole numbers of 64 bits",
        lambda value: (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(_is_count(word) and word < 1 << 64 for word in value)
        ),
    ),
    "order": _ANY,
    "run": ("the arguments of a run", _is_run),
    "dataset_size": _COUNT,
    "rebatch": _LIST,
}
_JOINED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "iteration": _COUNT,
    "items": _COUNT,
    "offset": _COUNT,
    "skip": _COUNT,
    "beside": _LIST,
}
_WHOLE: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "batches": _COUNT,
    "streams": _ANY,
    "plan": ("a list of steps and their digests", _is_plan),
    "world_size": ("a whole number from 1", lambda value: _is_count(value) and value > 0),
    "rank": _COUNT_OR_NONE,
    "check": ("a text", lambda value: isinstance(value, str)),
}


def check(state: Any, pipeline: Any) -> None:
    """Refuse a state that is not one of this pipeline.

    Raises
    ------
    ValueError
        Saying what differs.
    """
    if not isinstance(state, dict):
        raise ValueError(f"a state is a dict that state_dict gives, got a {type(state).__name__}")
    if state.get("format") != FORMAT:
        raise ValueError(
            f"the state of a pipeline has format {FORMAT!r}, this one has {state.get('format')!r}"
        )
    if state.get("version") != VERSION:
        raise ValueError(
            f"the state is of version {state.get('version')!r}, and this version of ironbatch "
            f"reads version {VERSION}; go on with the version that has written it"
        )
    _check_parts(state, {**_PLACE, **_WHOLE})
    if state["streams"] != STREAMS:
        raise ValueError(
            f"the random numbers of the state are of {state['streams']!r}, and this version of "
            f"ironbatch draws from {STREAMS!r}"
        )
    differs = difference(state["plan"], fingerprint(pipeline))
    if differs is not None:
        raise ValueError(f"the state is of another pipeline: {differs}")
    _check_place(state, pipeline)
    rank, world = pipeline.shard_of
    if state["rebatch"] and (state["rank"], state["world_size"]) != (rank, world):
        raise ValueError(
            f"the state is of rank {state['rank']} of {state['world_size']}, and the pipeline is "
            f"rank {rank} of {world}: after rebatch or merge a state fits its own rank only"
        )
    if _checksum(state) != state["check"]:
        raise ValueError("the state was changed since state_dict gave it: its check sum differs")


def _check_parts(state: Any, parts: dict[str, tuple[str, Callable[[Any], bool]]]) -> None:
    if not isinstance(state, dict):
        raise ValueError(f"a part of a state is a dict, got {state!r}")
    for name, (what, fits) in parts.items():
        if name not in state:
            raise ValueError(f"the state has no {name!r}; it was changed or is not whole")
        if not fits(state[name]):
            raise ValueError(f"{name!r} of a state is {what}, got {state[name]!r}")


def _check_place(state: dict[str, Any], pipeline: Any) -> None:
    """Check the place in a run of a pipeline, and in those that feed it."""
    sources = []
    while pipeline.rebatched is not None:
        sources.append(pipeline.rebatched)
        pipeline = pipeline.rebatched.pipeline
    if len(sources) != len(state["rebatch"]):
        raise ValueError(
            f"'rebatch' of the state has {len(state['rebatch'])} parts, and the pipeline has "
            f"{len(sources)}"
        )
    for source, joined in zip(reversed(sources), state["rebatch"], strict=True):
        _check_parts(joined, _JOINED)
        others = getattr(source, "others", ())
        if len(others) != len(joined["beside"]):
            raise ValueError(
                f"the state has {len(joined['beside'])} merged pipelines, and the pipeline has "
                f"{len(others)}"
            )
        for other, place in zip(others, joined["beside"], strict=True):
            _check_parts(place, _PLACE)
            _check_place(place, other)
    dataset = pipeline.dataset
    if dataset is None:
        raise ValueError(
            "the pipeline has no dataset to go on with; give it one with dataset >> pipeline first"
        )
    if state["dataset_size"] != len(dataset):
        raise ValueError(
            f"the state is of a dataset of {state['dataset_size']} items, and that of the pipeline "
            f"has {len(dataset)}"
        )
    _check_end(state)


def _check_end(state: dict[str, Any]) -> None:
    from ironbatch.index.order import order_from_state

    n, epoch, position = state["dataset_size"], state["epoch"], state["position"]
    if position > n:
        raise ValueError(
            f"position {position} of the state is beyond the epoch, which has {n} items"
        )
    n_iters, n_epochs, left = state["run"]["n_iters"], state["run"]["n_epochs"], state["left"]
    if n_epochs is not None and epoch * n + position > n_epochs * n:
        raise ValueError(
            f"epoch {epoch} and position {position} of the state are beyond the end of the run, "
            f"which has {n_epochs} epochs of {n} items"
        )
    if (n_iters is None) is not (left is None):
        raise ValueError(f"n_iters {n_iters!r} and left {left!r} of the state do not fit together")
    try:
        order_from_state(state["order"], n)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"'order' of the state is not one: {state['order']!r}") from error
