import pickle
import re
import sys
import time
import types

import numpy as np
import pytest

import ironbatch
from ironbatch import B, I, Notifier, V


class Bar:
    """A bar that remembers what happened to it."""

    made: list = []

    def __init__(self, total=None, **kwargs):
        self.total, self.kwargs, self.n, self.closed = total, kwargs, 0, False
        Bar.made.append(self)

    def update(self, n):
        self.n += n

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def _no_bars():
    Bar.made = []


@pytest.mark.parametrize("name", ["bar", "notifier"])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_run_moves_the_bar_on(dataset, name, prefetch):
    dataset.p.skip_at(5).run(4, prefetch=prefetch, **{name: Bar})
    (bar,) = Bar.made
    assert (bar.total, bar.n, bar.closed) == (3, 3, True)


@pytest.mark.parametrize(
    ("kwargs", "total"),
    [
        ({"n_iters": 2}, 2),
        ({"n_epochs": 3}, 8),
        ({"drop_last": True}, 2),
        ({"n_epochs": 2, "drop_last": True}, 4),
    ],
)
def test_the_total_is_known(dataset, kwargs, total):
    dataset.p.run(4, bar=Bar, **kwargs)
    assert (Bar.made[0].total, Bar.made[0].n) == (total, total)


def test_the_bar_is_closed_after_an_error(dataset):
    with pytest.raises(ValueError, match="item 5"):
        dataset.p.fail_at(5).run(4, bar=Bar)
    assert Bar.made[0].closed


def test_the_bar_is_closed_when_the_consumer_leaves(dataset):
    batches = dataset.p.gen_batch(4, bar=Bar)
    next(batches)
    batches.close()
    assert Bar.made[0].closed


@pytest.mark.parametrize("bar", [True, "a", "t", {"desc": "work"}])
def test_tqdm_is_chosen(dataset, capsys, bar):
    dataset.p.run(5, bar=bar)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert ("work" in shown) == isinstance(bar, dict)


@pytest.mark.parametrize("bar", [False, None])
def test_no_bar(dataset, capsys, bar):
    dataset.p.run(5, bar=bar)
    assert capsys.readouterr().err == ""


def test_an_unknown_bar_is_refused_at_the_call(dataset):
    with pytest.raises(ValueError, match="'moon'"):
        dataset.p.gen_batch(5, bar="moon")


def test_missing_tqdm_is_said_with_the_command(dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ironbatch.MissingPackageError, match=r"pip install 'ironbatch\[progress\]'"):
        dataset.p.gen_batch(5, bar=True)


def test_an_object_of_ones_own(dataset):
    class Own:
        def __init__(self):
            self.sizes, self.closed = [], False

        def update(self, *, pipeline, batch):
            self.sizes.append(len(batch))

        def close(self):
            self.closed = True

    own = Own()
    dataset.p.run(4, notifier=own)
    assert (own.sizes, own.closed) == ([4, 4, 2], True)


def test_progress_over_any_iterable():
    progress = Notifier(Bar, desc="x")
    assert list(progress([1, 2, 3])) == [1, 2, 3]
    assert list(progress(iter([1]))) == [1]
    assert [(bar.total, bar.n) for bar in Bar.made] == [(3, 3), (None, 1)]
    assert Bar.made[0].kwargs == {"desc": "x"}


def test_progress_by_hand():
    with Notifier(Bar, total=5) as progress:
        progress.update(2)
    with Notifier(Bar) as progress:
        progress.update()
    assert [(bar.total, bar.n, bar.closed) for bar in Bar.made] == [(5, 2, True), (None, 1, True)]


# Standalone


def test_a_number_of_steps():
    assert list(Notifier(Bar)(3)) == [0, 1, 2]
    assert (Bar.made[0].total, Bar.made[0].n, Bar.made[0].closed) == (3, 3, True)


def test_the_short_form():
    assert list(ironbatch.notifier("abc", Bar, desc="x")) == ["a", "b", "c"]
    assert (Bar.made[0].n, Bar.made[0].kwargs) == (3, {"desc": "x"})


def test_a_loop_that_is_left_closes_the_bar():
    loop = Notifier(Bar)(range(5))
    next(loop), next(loop)
    loop.close()
    assert (Bar.made[0].n, Bar.made[0].closed) == (1, True)


def test_a_loop_that_fails_closes_the_bar():
    with pytest.raises(ZeroDivisionError):
        list(Notifier(Bar)(1 // x for x in (1, 0)))
    assert (Bar.made[0].n, Bar.made[0].closed) == (1, True)


def test_what_the_notifier_lacks_is_asked_of_the_bar():
    progress = Notifier(Bar, total=7)
    assert progress.total == 7
    assert not progress.closed
    with pytest.raises(AttributeError, match="moon"):
        _ = progress.moon
    progress.close()
    assert progress.closed


def test_nothing_is_shown_but_counted(capsys):
    progress = Notifier(None)
    assert list(progress([1, 2])) == [1, 2]
    assert (progress.n, progress.total) == (2, 2)
    assert capsys.readouterr() == ("", "")


def test_update_begins_and_close_ends(capsys):
    progress = Notifier("t", total=2)
    progress.update()
    progress.update()
    progress.close()
    assert "2/2" in capsys.readouterr().err


def test_a_bar_that_was_made_anew():
    progress = Notifier(Bar, total=2)
    first = progress.make_bar()
    second = progress.make_bar()
    assert first.closed
    assert progress.bar is second


@pytest.mark.parametrize(
    ("kwargs", "total"),
    [
        ({"total": 9, "n_iters": 4}, 9),
        ({"n_iters": 4}, 4),
        ({"n_epochs": 2, "length": 10, "batch_size": 4}, 5),
        ({"n_epochs": 2, "length": 10, "batch_size": 4, "drop_last": True}, 4),
        ({}, None),
    ],
)
def test_the_total_is_computed(kwargs, total):
    progress = Notifier(Bar, **kwargs)
    assert progress.total == total
    assert Notifier(Bar).compute_total(**kwargs) == total


def test_a_total_that_cannot_be_computed():
    with pytest.raises(ValueError, match="length and batch_size"):
        Notifier(Bar, n_epochs=2)


def test_failure_turns_the_bar_red():
    class Coloured(Bar):
        colour = None

    with pytest.raises(KeyError), Notifier(Coloured):
        raise KeyError
    with Notifier(Coloured):
        pass
    assert [bar.colour for bar in Bar.made] == ["#f44336", None]


def test_a_failed_run_turns_the_bar_red_and_one_that_is_left_does_not(dataset):
    class Coloured(Bar):
        colour = None

    with pytest.raises(ValueError, match="item 5"):
        dataset.p.fail_at(5).run(4, bar=Coloured)
    batches = dataset.p.gen_batch(4, bar=Coloured)
    next(batches)
    batches.close()
    assert [bar.colour for bar in Bar.made] == ["#f44336", None]


def test_disabled(tmp_path):
    log = tmp_path / "log"
    progress = Notifier(Bar, disable=True, monitors=lambda: 1, log_file=log)
    assert list(progress(2)) == [0, 1]
    assert Bar.made == []
    assert progress.data == {}
    assert not log.exists()


@pytest.mark.parametrize("frequency", [0, -1, 0.5, "often"])
def test_a_wrong_frequency_is_refused(frequency):
    with pytest.raises(ValueError, match="frequency is a number of steps"):
        Notifier(Bar, frequency=frequency)


@pytest.mark.parametrize("kwargs", [{"bar": "telegram"}, {"token": "x"}])
def test_messengers_are_refused(kwargs):
    with pytest.raises(ValueError, match="a callable that makes one"):
        Notifier(**kwargs)


def test_a_notifier_pickles():
    progress = Notifier("t", monitors={"x": "cpu"}, desc="d", total=3)
    progress.update()
    progress.close()
    assert pickle.loads(pickle.dumps(progress)).data == progress.data


# Values


def test_values_are_shown_and_kept(dataset, capsys):
    pipeline = (
        dataset.p.init_variable("loss", [])
        .init_variable("iterations", 0)
        .update(V("loss", mode="a"), B.values.sum())
        .update(V("iterations"), I())
    )
    progress = Notifier("t", monitors=[V("loss"), {"size": B.size}, "iterations"])
    pipeline.run(4, notifier=progress)
    assert progress.data == {"loss": [6, 22, 17], "size": [4, 4, 2], "iterations": [1, 2, 3]}
    assert "loss=17; size=2; iterations=3" in capsys.readouterr().err


def test_expressions_in_a_dictionary_of_arguments_are_computed_batch_by_batch(dataset, tmp_path):
    log = tmp_path / "log"
    dataset.p.run(4, notifier={"bar": None, "monitors": {"n": B.size}, "log_file": log})
    assert [line.rpartition("; ")[2] for line in log.read_text().splitlines()] == [
        "n=4",
        "n=4",
        "n=2",
    ]


def test_functions_get_what_they_ask_for(dataset):
    seen = []
    progress = Notifier(
        None,
        monitors=[
            lambda: 1,
            {"size": lambda batch: len(batch)},
            {"all": lambda **kwargs: seen.append(sorted(kwargs))},
            {"source": lambda pipeline, notifier: notifier.n, "name": "n", "format": "<{}>"},
        ],
    )
    dataset.p.run(5, notifier=progress)
    assert progress.data == {"<lambda>": [1, 1], "size": [5, 5], "all": [], "n": [0, 1]}
    assert seen == [["batch", "container", "notifier", "pipeline"]] * 2
    assert str(progress.watched[-1]) == "<1>"


def test_what_a_batch_that_does_not_come_would_have_shown_is_left_out(dataset):
    progress = Notifier(None, monitors={"size": B.size, "i": V("i")})
    pipeline = dataset.p.init_variable("i", 7).skip_at(5)
    pipeline.run(4, notifier=progress)
    assert progress.data == {"size": [4, 2], "i": [7, 7, 7]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "x=1,234,567"),
        (0.123456, "x=0.1235"),
        (np.float32(2.5), "x=2.5"),
        (np.arange(3), "x=2"),
        (np.zeros((2, 3)), "x=array of shape (2, 3)"),
        ([1, 2.0], "x=2"),
        ([], ""),
        (None, ""),
        ("a" * 50, "x=" + "a" * 37 + "..."),
        (True, "x=True"),
    ],
)
def test_how_values_are_shown(value, shown):
    progress = Notifier(None, monitors={"x": lambda: value})
    progress.update()
    assert progress.bar.postfix == shown
    progress.close()


@pytest.mark.parametrize(
    ("frequency", "read"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 3, 6, 7]), (10, [1, 7])]
)
def test_values_are_read_at_the_frequency_and_at_both_ends(frequency, read, tmp_path):
    log = tmp_path / "log"
    progress = Notifier(None, monitors=lambda: 0, frequency=frequency, log_file=log)
    list(progress(7))
    assert list(progress.watched[0].ticks) == read
    assert [
        int(line.split("iteration ")[1].split(";")[0]) for line in log.read_text().splitlines()
    ] == read


def test_the_window_of_values(dataset):
    progress = Notifier(None, monitors={"i": I()}, window=2)
    dataset.p.run(2, notifier=progress)
    assert len(progress.data["i"]) == 2


def test_values_can_be_read_by_hand(dataset):
    progress = Notifier(None, monitors={"n": B.size})
    progress.update_data(batch=dataset.create_batch([1, 2]))
    assert progress.data == {"n": [2]}


def test_resource_monitors_sample_while_it_runs():
    progress = Notifier(None, monitors=["memory", ironbatch.CPUMonitor(frequency=0.005)])
    monitors = [one.monitor for one in progress.watched]
    for _ in progress(2):
        assert all(one.running for one in monitors)
        time.sleep(0.02)
    assert not any(one.running for one in monitors)
    assert len(progress.data["memory"]) == 2
    assert re.fullmatch(r"memory=0\.\d+ GiB", str(progress.watched[0]))


def test_resource_monitors_stop_after_an_error(dataset):
    progress = Notifier(None, monitors="memory")
    with pytest.raises(ValueError, match="item 5"):
        dataset.p.fail_at(5).run(4, notifier=progress)
    assert not progress.watched[0].monitor.running


def test_an_expression_that_fails_is_named_and_ends_the_run(dataset):
    with pytest.raises(AttributeError, match="nothing") as caught:
        dataset.p.run(4, bar={"bar": Bar, "monitors": B.nothing})
    assert any("B.nothing" in note for note in caught.value.__notes__)
    assert Bar.made[0].closed


def test_a_name_that_is_neither_monitor_nor_variable():
    progress = Notifier(None, monitors="memroy")
    with pytest.raises(ValueError, match="'memroy' is no resource monitor"):
        list(progress(2))


@pytest.mark.parametrize(
    ("monitors", "error", "message"),
    [
        ([5], TypeError, "got 5"),
        (lambda x: x, TypeError, "needs 'x'"),
        ({"source": "cpu", "nmae": "x"}, ValueError, "'nmae'"),
    ],
)
def test_wrong_monitors_are_refused_at_once(monitors, error, message):
    with pytest.raises(error, match=message):
        Notifier(None, monitors=monitors)


# Log


def test_the_log_is_added_to(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    list(Notifier(None, log_file=log)(2))
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  iteration 1", lines[1])
    assert len(lines) == 3


def test_a_log_that_cannot_be_written_is_refused_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Notifier(None, log_file=tmp_path / "nowhere" / "log")


# Figures


def test_a_figure_is_written_in_the_end(dataset, tmp_path):
    path = tmp_path / "figure.png"
    progress = Notifier(
        None,
        graphs={"n": B.size},
        monitors="cpu",
        savepath=path,
        plot_config={"color": "red"},
    )
    dataset.p.run(4, notifier=progress)
    assert path.read_bytes().startswith(b"\x89PNG")
    (axes,) = progress.plot(linestyle="--").axes
    (line,) = axes.lines
    assert (line.get_color(), line.get_linestyle()) == ("red", "--")
    assert line.get_ydata().tolist() == [4, 4, 2]
    assert (axes.get_title(), axes.get_xlabel()) == ("n", "iteration")


def test_without_matplotlib_a_figure_is_refused_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ironbatch.MissingPackageError, match=r"ironbatch\[plots\]"):
        Notifier(None, graphs=lambda: 1)


# Over datasets


def test_a_dataset_shows_progress_too(dataset, capsys):
    assert len(list(dataset.gen_batch(4, n_epochs=1, notifier=True))) == 3
    assert "3/3" in capsys.readouterr().err


def test_a_notifier_over_a_dataset(dataset):
    progress = Notifier(Bar, monitors="memory")
    list(dataset.gen_batch(4, n_epochs=1, notifier=progress))
    assert (Bar.made[0].n, Bar.made[0].total, len(progress.data["memory"])) == (3, 3, 3)


@pytest.mark.parametrize("name", ["n", "nb", "j", "jpn", "notebook", "jupyter"])
def test_notebooks_have_a_bar_of_their_own(name, monkeypatch):
    module = types.ModuleType("tqdm.notebook")
    module.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm.notebook", module)
    list(Notifier(name)(2))
    assert Bar.made[0].n == 2
