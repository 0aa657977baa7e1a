import os
import time

import pytest

import ironbatch
from ironbatch import B, V
from ironbatch.pipeline import ActionTime, Profile

CORES = len(os.sched_getaffinity(0))


def spin(batch, seconds=0.02):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def measured(*actions, seconds=10.0, waited=9.0, prefetch=4, workers=4, target="threads", **more):
    """Give the profile of a run of which only sums are known."""
    return Profile(
        batches=100,
        items=1000,
        seconds=seconds,
        waited=waited,
        prefetch=prefetch,
        target=target,
        workers={(1, number) for number in range(workers)},
        actions=[ActionTime(calls=100, path=f"0.{one['name']}", **one) for one in actions],
        **more,
    )


def report_of(profile):
    pipeline = ironbatch.Pipeline()
    pipeline.profile = profile
    return pipeline.report()


# Real runs


def test_an_action_that_sleeps_wants_more_prefetch(dataset):
    report = dataset.p.wait(0.03).run(1, n_iters=8, profile=True).report()
    assert (report.limit, report.bottleneck.name) == ("waiting", "wait")
    assert "More prefetch: prefetch=" in str(report)


def test_an_action_that_sleeps_in_threads_wants_more_prefetch(dataset):
    report = dataset.p.wait(0.05).run(1, n_iters=12, prefetch=2, profile=True).report()
    assert (report.limit, report.bottleneck.name) == ("waiting", "wait")
    assert report.advice[0].startswith("More prefetch: prefetch=")


@pytest.mark.skipif(CORES == 1, reason="processes need a second core")
def test_python_code_in_threads_wants_processes(dataset):
    report = dataset.p.call(spin, B()).run(1, n_iters=20, prefetch=4, profile=True).report()
    assert (report.limit, report.bottleneck.name) == ("interpreter", "call")
    assert "target='mpc'" in report.advice[0]
    assert report.numbers["cores used"] <= 1.1


def test_a_slow_consumer_is_the_bottleneck(dataset):
    pipeline = dataset.p.wait(0.001)
    for _ in pipeline.gen_batch(1, n_iters=8, prefetch=4, profile=True):
        time.sleep(0.05)
    report = pipeline.report()
    assert (report.limit, report.bottleneck) == ("consumer", None)
    assert "Bottleneck: the consumer." in str(report)
    assert report.advice[0].startswith("Nothing in the pipeline")


def test_a_step_that_batches_pass_one_by_one(dataset):
    def slow():
        time.sleep(0.02)
        return 1

    pipeline = dataset.p.init_variable("n", 0).update(V("n"), ironbatch.F(slow)())
    report = pipeline.run(1, n_iters=12, prefetch=4, profile=True).report()
    assert (report.limit, report.bottleneck.name) == ("order", "update")
    assert "more prefetch would not" in report.advice[0]


def test_it_can_be_asked_while_the_run_goes_on(dataset):
    pipeline = dataset.p.wait(0.03)
    batches = pipeline.gen_batch(1, profile=True)
    next(batches), next(batches)
    assert pipeline.report().limit == "waiting"
    batches.close()


# Sums alone


def load(**times):
    return {"name": "load", **times}


@pytest.mark.parametrize(
    ("profile", "limit", "advice"),
    [
        (measured(load(seconds=9, blocked=9), prefetch=0), "waiting", "prefetch="),
        (measured(load(seconds=9, gil=6, cpu=3), prefetch=0), "waiting", "prefetch="),
        (measured(load(seconds=7, cpu=7), waited=7, prefetch=0), "computing", "prefetch=2 or more"),
        (measured(load(seconds=36, blocked=36)), "waiting", "More prefetch"),
        (measured(load(seconds=36, blocked=36), workers=2), "waiting", "More workers"),
        (measured(load(seconds=36, cpu=9.5, gil=26.5)), "interpreter", "target='mpc'"),
        (measured(load(seconds=36, cpu=4, queued=6, gil=26)), "interpreter", "target='mpc'"),
        (measured(load(seconds=36, cpu=0.2, queued=9, blocked=26)), "waiting", "More prefetch"),
        (measured(load(seconds=36, cpu=1, queued=20, blocked=15)), "waiting", "More prefetch"),
        (measured(load(seconds=36, cpu=3, queued=22, gil=6, blocked=4)), "interpreter", "mpc"),
        (measured(load(seconds=36, cpu=9 * CORES)), "cores", "more cores"),
        (measured(load(seconds=36, cpu=12, queued=24)), "cores", "more cores"),
        (measured(load(seconds=9, cpu=9), prefetch=1, workers=1), "computing", "prefetch="),
        (measured(load(seconds=9, cpu=9), waited=0.5), "consumer", "Nothing"),
        (measured(load(seconds=9, waiting=20, cpu=9)), "order", "load itself"),
    ],
)
def test_what_sums_tell(profile, limit, advice):
    if limit == "computing" and CORES == 1:
        pytest.skip("there is no other core")
    report = report_of(profile)
    assert report.limit == limit
    assert advice in report.advice[0]


def test_the_lock_is_short_not_the_action_that_sleeps():
    profile = measured(
        {"name": "sleep", "seconds": 20.0, "blocked": 20.0},
        {"name": "compute", "seconds": 15.0, "cpu": 9.5, "gil": 5.5},
    )
    assert report_of(profile).bottleneck.name == "compute"


def test_a_consumer_that_is_kept_from_the_lock():
    profile = measured(load(seconds=9, cpu=9), waited=0.2, consumer_cpu=6.0, consumer_gil=3.0)
    report = report_of(profile)
    assert report.limit == "consumer"
    assert "target='mpc' would leave it to the consumer" in report.advice[1]


def test_processes_that_have_just_started(dataset):
    pipeline = dataset.p.wait(0)
    pipeline.run(5, prefetch=2, target="mpc", profile=True)
    profile = pipeline.profile
    profile.waited = profile.seconds = 2.0
    profile.startup = 1.9
    report = pipeline.report()
    assert report.limit == "startup"
    assert "stay" in report.advice[0]
    assert "worker processes" in str(report)


@pytest.mark.parametrize(
    ("times", "limit", "advice"),
    [
        ({"seconds": 9.0, "blocked": 9.0}, "waiting", "Threads wait as well"),
        ({"seconds": 9.0 * CORES, "cpu": 9.0 * CORES}, "cores", "more cores"),
        ({"seconds": 1.0, "cpu": 1.0}, "transfer", "target='threads'"),
    ],
)
def test_processes(dataset, times, limit, advice):
    pipeline = dataset.p.wait(0)
    pipeline.run(5, prefetch=2, target="mpc", profile=True)
    profile = pipeline.profile
    profile.seconds, profile.waited, profile.startup = 10.0, 9.0, 0.0
    profile.transfer = 5.0 if limit == "transfer" else 0.0
    profile.actions[:] = [ActionTime("wait", "0.wait", calls=2, **times)]
    report = pipeline.report()
    assert report.limit == limit
    assert any(advice in one for one in report.advice)


def test_a_run_without_batches_says_so(dataset):
    pipeline = dataset.p.stop_at(0)
    with pytest.warns(ironbatch.EmptyBatchSequence):
        pipeline.run(4, profile=True)
    assert pipeline.report().limit == "nothing"
    assert "has yielded no batch" in str(pipeline.report())


def test_the_numbers_are_in_the_text():
    text = str(report_of(measured(load(seconds=36, blocked=36))))
    assert "100 batches, 1000 items in 10.00 s: 100 items/s, prefetch 4 in threads" in text
    assert "The consumer waited 9.00 s for batches, 90% of the run" in text
    assert "Bottleneck: load (step 0.load), 36.00 s or 100%" in text
    assert repr(report_of(measured(load(seconds=36)))).startswith("100 batches")


def test_without_a_profile_there_is_nothing_to_report(dataset):
    pipeline = dataset.p.wait(0).run(5)
    with pytest.raises(RuntimeError, match="profile=True"):
        pipeline.report()
    with pytest.raises(RuntimeError, match="profile=True"):
        pipeline.trace("run.json")
    with pytest.raises(RuntimeError, match="profile=True"):
        pipeline.show_profile_info()
    assert pipeline.profile_info is None


def test_a_busy_machine_is_mentioned():
    report = report_of(measured(load(seconds=36, cpu=3, queued=33)))
    assert "33.00 s passed while no core was free" in report.advice[-1]
