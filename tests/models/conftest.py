"""Tests of models share two cores with others: threads of torch would wait for each other."""

import pytest


@pytest.fixture(autouse=True)
def one_thread(request):
    if request.node.get_closest_marker("full") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
