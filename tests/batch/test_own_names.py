"""Private names that a class of batches may not take."""

import pytest

from ironbatch import Batch


@pytest.mark.parametrize(
    "name", ["_keep_only", "_taken_at", "_find", "_scope", "_load_lock", "_dataset"]
)
def test_names_that_batches_use_are_refused(name):
    with pytest.raises(TypeError, match=rf"Scans\.{name} has a name that ironbatch.Batch uses"):
        type("Scans", (Batch,), {name: lambda self: None})


@pytest.mark.parametrize("name", ["_collect", "_keep", "_assemble", "_data", "__keep"])
def test_other_names_are_free(name):
    cls = type("Scans", (Batch,), {name: lambda self, *args, **kwargs: self})
    assert callable(vars(cls)[name])


def test_subclasses_of_subclasses_are_looked_at():
    class Scans(Batch):
        pass

    with pytest.raises(TypeError, match="_keep_only"):
        type("Own", (Scans,), {"_keep_only": None})
