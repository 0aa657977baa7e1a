import os
import pickle
import sys
import time

import pytest

from ironbatch import B, MissingPackageError, Pipeline, V


@pytest.mark.parametrize("prefetch", [0, 3])
def test_each_action_is_timed(dataset, prefetch):
    pipeline = dataset.p.init_variable("n", 0).wait(0.05).update(V("n"), V("n") + B.size)
    profile = pipeline.run(2, prefetch=prefetch, profile=True).profile
    assert [action.name for action in profile.actions] == ["create_batch", "wait", "update"]
    assert [action.path for action in profile.actions] == ["", "0.wait", "1.update"]
    assert [action.calls for action in profile.actions] == [5, 5, 5]
    assert 0.25 <= profile.actions[1].seconds < 10
    assert profile.actions[1].share > 0.5
    assert sum(action.share for action in profile.actions) == pytest.approx(1)
    assert (profile.batches, profile.items) == (5, 10)
    assert profile.seconds > profile.waited > 0
    assert pipeline.v("n") == 10


def test_actions_after_a_skip_are_not_counted(dataset):
    profile = dataset.p.wait(0).skip_at(0).wait(0).run(5, profile=True).profile
    assert [action.calls for action in profile.actions] == [2, 2, 1, 1]


def test_it_prints_and_makes_a_table(dataset):
    profile = dataset.p.wait(0).run(5, profile=True).profile
    assert str(profile).startswith("2 batches, 10 items, ")
    assert "wait" in str(profile)
    assert profile.as_dict()["calls"] == [2, 2]


def test_without_profile_nothing_is_measured(dataset):
    assert dataset.p.wait(0).run(5).profile is None


def test_waiting_of_a_fast_consumer_shows(dataset):
    profile = dataset.p.wait(0.02).run(5, profile=True).profile
    assert profile.waited > 0.03


@pytest.mark.parametrize("prefetch", [{}, {"prefetch": 2}, {"prefetch": 2, "target": "mpc"}])
def test_bytes_before_and_after_an_action(dataset, prefetch):
    profile = dataset.p.wait(0).scale(2).wait(0).run(5, profile=True, **prefetch).profile
    _, before, scale, after = profile.actions
    assert (before.bytes_in, before.bytes_out) == (0, 0)
    assert (scale.bytes_in, scale.bytes_out) == (0, 80)
    assert (after.bytes_in, after.bytes_out) == (80, 80)


def test_waiting_for_ones_turn_is_not_being_busy(dataset):
    pipeline = dataset.p.init_variable("n", 0).wait_longer_first().update(V("n"), V("n") + 1)
    update = pipeline.run(1, prefetch=4, profile=True).profile.actions[2]
    assert update.waiting > 0.02
    assert update.seconds < update.waiting


def test_waiting_for_a_lock_is_not_being_busy(dataset):
    pipeline = dataset.p.init_lock().acquire_lock().wait(0.02).release_lock()
    acquire = pipeline.run(5, prefetch=2, profile=True).profile.actions[1]
    assert acquire.waiting > 0.01
    assert acquire.seconds < acquire.waiting


def test_a_nested_pipeline_is_busy_with_itself_only(dataset):
    nested = Pipeline().wait(0.02).scale(2)
    profile = (dataset.p.wait(0) + nested * 2).run(5, profile=True).profile
    names = {action.path: action for action in profile.actions}
    (outer,) = (action for action in profile.actions if action.name == "pipeline")
    inner = names[f"{outer.path}/0.wait"]
    assert (outer.calls, inner.calls) == (2, 4)
    assert inner.seconds >= 0.08
    assert outer.seconds < inner.seconds / 2


def test_actions_before_rebatch_are_profiled_too(dataset):
    profile = dataset.p.wait(0.01).rebatch(5).scale(2).run(2, profile=True).profile
    assert [(one.path, one.calls) for one in profile.actions] == [
        ("rebatch/", 5),
        ("rebatch/0.wait", 5),
        ("0.scale", 2),
    ]
    assert (profile.batches, profile.items) == (2, 10)


def test_where_a_sleeping_action_spends_its_time(dataset):
    wait = dataset.p.wait(0.05).run(5, profile=True).profile.actions[1]
    assert wait.blocked + wait.gil > 0.08
    assert wait.cpu < 0.02


def test_where_a_computing_action_spends_its_time(dataset):
    def compute(batch):
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass

    call = dataset.p.call(compute, B()).run(5, profile=True).profile.actions[1]
    assert 0.1 <= call.cpu <= call.seconds + 0.001


def test_an_action_that_raises_counts_as_failed(dataset):
    pipeline = dataset.p.fail_at(0).scale()
    profile = pipeline.run(5, profile=True, ignore_exceptions=True).profile
    _, fail, scale = profile.actions
    assert (fail.calls, fail.failed, scale.calls) == (1, 1, 1)


def test_a_profile_can_be_read_while_the_run_goes_on(dataset):
    pipeline = dataset.p.wait(0.01)
    batches = pipeline.gen_batch(5, profile=True)
    next(batches)
    assert pipeline.profile.batches == 1
    assert pipeline.profile.seconds >= pipeline.profile.waited >= 0.01
    assert "1 batches" in str(pipeline.profile)
    batches.close()


def test_a_profile_pickles(dataset):
    profile = dataset.p.wait(0).run(5, prefetch=2, profile=True).profile
    again = pickle.loads(pickle.dumps(profile))
    assert again.as_dict() == profile.as_dict()
    assert len(again.records) == 2


def test_an_unknown_level_is_refused_at_the_call(dataset):
    with pytest.raises(ValueError, match="'fast'"):
        dataset.p.gen_batch(5, profile="fast")


@pytest.mark.parametrize("profile", [False, True])
def test_the_time_of_a_run_is_known(dataset, profile):
    pipeline = dataset.p.wait(0.02)
    assert pipeline.run_time is None
    assert 0.04 <= pipeline.run(5, profile=profile).run_time < 10


# Tables


@pytest.fixture
def profiled(dataset):
    return dataset.p.wait(0.01).scale(2).wait(0.02).run(4, profile=True)


@pytest.mark.parametrize("how", [{}, {"prefetch": 2}, {"prefetch": 2, "target": "mpc"}])
def test_a_row_for_each_action_of_each_batch(dataset, how):
    frame = dataset.p.wait(0.01).scale(2).run(4, profile=True, **how).profile_info
    assert frame.index.name == "action"
    assert list(frame.index) == ["create_batch", "0.wait", "1.scale"] * 3
    assert frame["iter"].tolist() == [1] * 3 + [2] * 3 + [3] * 3
    assert frame["batch_id"].tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert frame["name"].unique().tolist() == ["create_batch", "wait", "scale"]
    assert (frame.loc["0.wait", "total_time"] >= 0.01).all()
    assert frame.loc["1.scale", "bytes_out"].tolist() == [32, 32, 16]
    assert (frame["process"] == os.getpid()).all() == ("target" not in how)


def test_sums_are_shown_the_largest_first(profiled):
    table = profiled.show_profile_info()
    assert list(table.index)[:2] == ["2.wait", "0.wait"]
    assert list(table.columns) == [("total_time", one) for one in ("sum", "mean", "max")]
    assert table.loc["2.wait", ("total_time", "sum")] >= 0.06


def test_batches_are_shown_one_by_one(profiled):
    table = profiled.show_profile_info(per_iter=True)
    assert [iteration for iteration, _ in table.index] == [1] * 4 + [2] * 4 + [3] * 4
    assert [action for _, action in table.index][:2] == ["2.wait", "0.wait"]


def test_columns_are_chosen(profiled):
    table = profiled.show_profile_info(columns=["cpu", "bytes_out"], sortby="bytes_out")
    assert {name for name, _ in table.columns} == {"cpu", "bytes_out"}
    assert set(table.index[:2]) == {"1.scale", "2.wait"}
    assert list(profiled.show_profile_info(per_iter=True, columns="cpu").columns) == ["cpu"]


def test_rows_are_sorted_by_what_is_asked_for(profiled):
    columns = ["total_time", "bytes_in"]
    table = profiled.show_profile_info(columns=columns, sortby=("bytes_in", "mean"))
    assert table.index[0] == "2.wait"
    assert table[("bytes_in", "mean")].is_monotonic_decreasing


def test_rows_are_grouped_by_what_is_asked_for(profiled):
    assert set(profiled.show_profile_info(groupby="name").index) == {
        "create_batch",
        "wait",
        "scale",
    }


def test_the_table_is_limited(profiled):
    assert len(profiled.show_profile_info(limit=2)) == 2


@pytest.mark.parametrize("level", [2, "detailed"])
@pytest.mark.parametrize("how", [{}, {"prefetch": 2}, {"prefetch": 2, "target": "mpc"}])
def test_functions_are_shown(dataset, level, how):
    pipeline = dataset.p.wait(0.01).run(4, profile=level, **how)
    table = pipeline.show_profile_info(detailed=True, limit=1000)
    waits = table.loc["0.wait"]
    (sleep,) = (name for name in waits.index if "time.sleep" in name)
    assert waits.loc[sleep, ("ncalls", "sum")] == 3
    assert waits.loc[sleep, ("tottime", "sum")] >= 0.03
    assert any("(wait)" in name for name in waits.index)


def test_functions_inside_of_a_nested_pipeline_are_its_actions_own(dataset):
    nested = Pipeline().wait(0.01)
    pipeline = (dataset.p.scale(2)).append_pipeline(nested).run(5, profile=2)
    table = pipeline.show_profile_info(detailed=True, limit=1000)
    where = [action for action, name in table.index if "time.sleep" in name]
    assert where == ["1.pipeline/0.wait"]


def test_functions_of_each_batch_are_limited(dataset):
    pipeline = dataset.p.wait(0.01).run(5, profile=2)
    table = pipeline.show_profile_info(per_iter=True, detailed=True, limit=1)
    assert [(i, action) for i, action, _ in table.index] == [
        (1, "0.wait"),
        (1, "create_batch"),
        (2, "0.wait"),
        (2, "create_batch"),
    ]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"columns": "moon"}, "no column 'moon', only 'action'"),
        ({"groupby": "moon"}, "no column 'moon'"),
        ({"sortby": "moon"}, "sorted by"),
    ],
)
def test_unknown_columns_are_refused(profiled, kwargs, message):
    with pytest.raises(ValueError, match=message):
        profiled.show_profile_info(**kwargs)


def test_functions_that_were_not_measured(profiled):
    with pytest.raises(RuntimeError, match="profile=2"):
        profiled.show_profile_info(detailed=True)


def test_tables_without_pandas_say_what_to_install(profiled, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match=r"ironbatch\[tables\]"):
        _ = profiled.profile_info


def test_an_action_that_raises_in_a_process_counts_as_failed_too(dataset):
    pipeline = dataset.p.fail_at(0).scale()
    profile = pipeline.run(
        5, profile=True, ignore_exceptions=True, prefetch=2, target="mpc"
    ).profile
    _, fail, scale = profile.actions
    assert (fail.calls, fail.failed, scale.calls) == (1, 1, 1)
    assert profile.waited >= profile.startup >= 0
    assert profile.waited >= profile.transfer >= 0
