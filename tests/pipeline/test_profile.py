import pytest

from ironbatch import B, V


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
