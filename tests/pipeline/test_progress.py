import sys

import pytest

import ironbatch
from ironbatch.pipeline import Progress


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
    progress = Progress(Bar, desc="x")
    assert list(progress([1, 2, 3])) == [1, 2, 3]
    assert list(progress(iter([1]))) == [1]
    assert [(bar.total, bar.n) for bar in Bar.made] == [(3, 3), (None, 1)]
    assert Bar.made[0].kwargs == {"desc": "x"}


def test_progress_by_hand():
    with Progress(Bar, total=5) as progress:
        progress.update(2)
    with Progress(Bar) as progress:
        progress.update()
    assert [(bar.total, bar.n, bar.closed) for bar in Bar.made] == [(5, 2, True), (None, 1, True)]
