"""torchdata's StatefulDataLoader: stop in the middle of an epoch, and go on elsewhere."""

from collections import Counter

import numpy as np
import pytest

from ironbatch import Batch, Dataset, P, R, action

pytestmark = [
    pytest.mark.full("torchdata"),
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),
]


class Numbers(Batch):
    components = "values", "noise"

    @action
    def put(self, noise):
        self.noise = np.asarray(noise, np.float64)
        return self


def loader(workers, **options):
    from torchdata.stateful_dataloader import StatefulDataLoader

    pipeline = Dataset(42, Numbers, preloaded={"values": np.arange(42)}).p.put(P(R("normal", 0, 1)))
    dataset = pipeline.to_torch(4, **{"shuffle": 3, **options})
    return StatefulDataLoader(dataset, batch_size=None, num_workers=workers)


def read(batches):
    return [(batch["values"].tolist(), batch["noise"].tolist()) for batch in batches]


@pytest.mark.parametrize("workers", [0, 2, 3])
@pytest.mark.parametrize("done", [0, 1, 4, 7])
def test_an_epoch_goes_on_with_the_next_batch(workers, done):
    whole = read(loader(workers))
    first = loader(workers)
    batches = iter(first)
    for _ in range(done):
        next(batches)
    state = first.state_dict()
    again = loader(workers)
    again.load_state_dict(state)
    assert read(again) == whole[done:]
    assert read(again) == whole


@pytest.mark.parametrize("workers", [0, 2])
def test_a_drawn_order_goes_on(workers):
    first = loader(workers, shuffle=True, prefetch=2)
    batches = iter(first)
    before = read([next(batches), next(batches), next(batches)])
    again = loader(workers, shuffle=True)
    again.load_state_dict(first.state_dict())
    rest = read(again)
    assert Counter(value for values, _ in before + rest for value in values) == dict.fromkeys(
        range(42), 1
    )
    assert rest == read(batches)


def test_another_number_of_workers_is_refused():
    first = loader(2)
    next(iter(first))
    state = first.state_dict()
    again = loader(0)
    again.load_state_dict(state)
    with pytest.raises((AssertionError, ValueError, KeyError)):
        list(again)
