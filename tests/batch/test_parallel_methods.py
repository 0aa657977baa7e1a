"""The batch's own side of parallel actions."""

import numpy as np
import pytest

from ironbatch import Batch, action, any_action_failed, apply_parallel, inbatch_parallel


class Numbers(Batch):
    components = "values"

    @apply_parallel(src="values", dst="doubled", target="for")
    def double(self, value):
        return 2 * value

    @inbatch_parallel(init="indices", post="_keep", target="threads")
    def where(self, item):
        return (self.dataset, self.pipeline, self.random is not None)

    def _keep(self, results):
        self.kept = results
        return self

    @inbatch_parallel(init="run_once", post="_keep", target="for")
    def once(self, value):
        return value

    @inbatch_parallel(init="indices", post="_errors", target="for")
    def fail_on_one(self, item):
        if item == 1:
            raise ValueError("one")
        return item

    def _errors(self, results):
        self.kept = self.get_errors(results)
        return self

    @action
    def plain(self):
        return self


def numbers():
    return Numbers.from_data(data=[1, 2, 3])


def test_a_marked_method_becomes_an_action():
    batch = numbers()
    assert batch.double() is batch
    assert batch.doubled.tolist() == [2, 4, 6]
    assert Numbers.double.action["method"] is not None


def test_the_item_method_stays_reachable():
    assert numbers()._double_(4) == 8


def test_defaults_come_from_the_class():
    class Mine(Numbers):
        apply_defaults = {**Batch.apply_defaults, "src": "values", "dst": "values", "target": "f"}

        @apply_parallel
        def add(self, value, amount):
            return value + amount

    assert Mine.from_data(data=[1, 2]).add(5).values.tolist() == [6, 7]


def test_use_apply_parallel_adds_an_action():
    class Mine(Numbers):
        pass

    def negate(self, value):
        return -value

    Mine.use_apply_parallel(negate, src="values")
    assert Mine.from_data(data=[1, 2]).negate().values.tolist() == [-1, -2]
    assert not hasattr(Numbers, "negate")


def test_apply_parallel_takes_any_function():
    assert numbers().apply_parallel(np.sqrt, src="values", dst="roots").roots[2] == np.sqrt(3)


def test_workers_see_dataset_pipeline_and_random():
    batch = numbers()
    batch.dataset = "the dataset"
    batch.where()
    assert batch.kept == [("the dataset", None, True)] * 3


def test_run_once_runs_once_with_the_arguments_of_the_call():
    assert numbers().once(5).kept == [5]


def test_get_errors():
    batch = Numbers([0, 1, 2])
    batch.fail_on_one()
    assert [str(error) for error in batch.kept] == ["one"]
    assert batch.get_errors([1, 2]) is None


def test_random_numbers_are_drawn_by_id():
    def draw(value, rng):
        return rng.random()

    def drawn(ids):
        batch = Numbers(ids)
        batch.values = np.zeros(len(ids))
        batch.random_seed = 5
        batch.apply_parallel(draw, src="values", requires_rng=True)
        return dict(zip(ids, batch.values.tolist(), strict=True))

    one, other = drawn([1, 2, 3]), drawn([3, 1])
    assert one[3] == other[3]
    assert one[1] == other[1]
    assert len(set(one.values())) == 3


def test_the_batch_generator_is_seeded():
    one, other = numbers(), numbers()
    one.random_seed = other.random_seed = 7
    assert one.random.random() == other.random.random()
    assert one.random is one.random
    own = np.random.default_rng(3)
    one.random = own
    assert one.random is own


def test_unseeded_batches_differ():
    assert numbers().random.random() != numbers().random.random()


def test_a_component_assembled_from_results():
    batch = Batch(2)
    batch._assemble([np.zeros(2), np.ones(2)], dst="made")
    assert batch.made.shape == (2, 2)


def test_any_action_failed_sees_exceptions():
    assert any_action_failed([1, ValueError()])
    assert not any_action_failed([1, 2])


def test_an_item_function_that_fails_names_the_item():
    batch = Numbers(["a", "b"])
    batch.values = [1.0, 0.0]

    def invert(value):
        if not value:
            raise ZeroDivisionError("no inverse")
        return 1 / value

    with pytest.raises(ZeroDivisionError, match="'b'"):
        batch.apply_parallel(invert, src="values")
