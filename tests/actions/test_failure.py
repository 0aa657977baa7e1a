"""How failures of items become one exception."""

from __future__ import annotations

import copyreg
import pickle
import traceback
from typing import Any

import pytest

from ironbatch.actions.failure import any_action_failed, failure, raise_failures
from ironbatch.errors import ActionError, SkipBatchException
from ironbatch.targets import Calls, run
from ironbatch.targets.calls import Context


class DemandingError(Exception):
    """An exception whose constructor takes what nobody else knows."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code


class RefusingError(Exception):
    def __init_subclass__(cls) -> None:
        raise TypeError("final")


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def make(error: Exception, *more: Any) -> ActionError:
    context = Context(action="load", ids=["a", "b", "c"], component="images")
    made = failure([raised(error), *more], context)
    assert isinstance(made, ActionError)
    return made


def not_found() -> Exception:
    try:
        open("/no/such/file")  # noqa: PTH123, SIM115
    except OSError as error:
        return error
    raise AssertionError


def undecodable() -> Exception:
    try:
        b"\xff".decode("utf8")
    except UnicodeDecodeError as error:
        return error
    raise AssertionError


ERRORS = [
    ValueError("no"),
    KeyError("k"),
    not_found(),
    undecodable(),
    TimeoutError("late"),
    ImportError("gone", name="pkg", path="/p"),
    StopIteration(3),
    DemandingError(4, reason="x"),
    ExceptionGroup("g", [ValueError("v")]),
    AssertionError(),
    RuntimeError("r"),
    AttributeError("a", name="n", obj=1),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_error_is_of_both_families(error: Exception) -> None:
    made = make(error)
    assert isinstance(made, type(error))
    assert made.__cause__ is error
    assert made.args == error.args
    assert "action 'load' failed for item 'a' (position 0), component 'images'" in str(made)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_error_pickles(error: Exception) -> None:
    made = make(error, 5)
    again = pickle.loads(pickle.dumps(made))
    assert isinstance(again, type(error))
    assert isinstance(again, ActionError)
    assert str(again) == str(made)
    assert (again.item_id, again.position, again.action) == ("a", 0, "load")
    assert again.component == "images"


def test_failures_survive_pickling() -> None:
    again = pickle.loads(pickle.dumps(make(ValueError("no"), KeyError("k"))))
    assert again.failures is not None
    assert [type(error) for error in again.failures.exceptions] == [ValueError, KeyError]
    assert type(again.__cause__) is ValueError


def test_what_does_not_pickle_of_a_cause_is_left_behind() -> None:
    error = ValueError("here")
    error.handle = lambda: None  # type: ignore[attr-defined]
    again = pickle.loads(pickle.dumps(make(error)))
    assert isinstance(again, ValueError)
    assert again.item_id == "a"
    assert str(again.__cause__) == "here"


def test_a_way_to_pickle_any_exception_is_not_taken() -> None:
    copyreg.pickle(type(make(ValueError("here"))), lambda error: (ValueError, error.args))
    assert isinstance(pickle.loads(pickle.dumps(make(ValueError("here")))), ActionError)


def test_a_cause_whose_class_does_not_pickle_travels_as_text() -> None:
    class LocalError(ValueError):
        pass

    again = pickle.loads(pickle.dumps(make(LocalError("here"))))
    assert isinstance(again, ActionError)
    assert again.item_id == "a"
    assert str(again.__cause__) == "LocalError: here"


def test_what_builtin_exceptions_keep_is_kept() -> None:
    made = make(not_found())
    assert isinstance(made, FileNotFoundError)
    assert made.filename == "/no/such/file"
    assert made.errno == 2


def test_a_class_that_refuses_subclasses_still_gives_an_action_error() -> None:
    error = RefusingError("no")
    made = make(error)
    assert made.__cause__ is error


def test_a_nested_action_error_keeps_the_original_family() -> None:
    inner = make(ValueError("deep"))
    outer = make(inner)
    assert isinstance(outer, ValueError)
    assert outer.__cause__ is inner


def test_signals_to_the_pipeline_stay_as_they_are() -> None:
    signal = SkipBatchException()
    assert failure([1, signal], Context()) is signal


def test_the_lowest_failing_item_wins() -> None:
    made = failure([1, KeyError("b"), ValueError("c")], Context(ids=["a", "b", "c"]))
    assert isinstance(made, KeyError)
    assert isinstance(made, ActionError)
    assert made.failed_positions == (1, 2)
    assert "2 of 3 items failed, also 'c'" in str(made)


def test_every_failure_has_a_note_naming_its_item() -> None:
    made = failure([KeyError("b"), ValueError("c")], Context("load", ids=["x", "y"]))
    assert isinstance(made, ActionError)
    assert made.failures is not None
    notes = [error.__notes__ for error in made.failures.exceptions]
    assert notes == [
        ["in item 'x' (position 0) of action 'load'"],
        ["in item 'y' (position 1) of action 'load'"],
    ]


def test_no_failure_is_none() -> None:
    assert failure([1, 2], Context()) is None
    raise_failures([1, 2], Context())


def test_any_action_failed() -> None:
    assert any_action_failed([1, OSError()])
    assert not any_action_failed([1, None])


@pytest.mark.parametrize("target", ["for", "threads"])
def test_the_traceback_points_to_the_users_line(target: str) -> None:
    def item(value: int) -> int:
        return 1 // value  # this line

    results = run(target, item, Calls(3, ([1, 0, 1],)))
    made = failure(results, Context())
    assert made is not None
    assert made.__cause__ is not None
    frames = traceback.extract_tb(made.__cause__.__traceback__)
    assert [frame.name for frame in frames] == ["item"]
    assert frames[0].line == "return 1 // value  # this line"
