import sys

import pytest

import ironbatch.models
from ironbatch import MissingPackageError
from ironbatch.models import SklearnModel, TorchModel


@pytest.mark.parametrize(
    ("model", "package", "extra"),
    [(SklearnModel, "sklearn", "sklearn"), (TorchModel, "torch", "torch")],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    model, package, extra, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        MissingPackageError, match=rf"{package}.*pip install 'ironbatch\[{extra}\]'"
    ):
        model(config={})


def test_the_module_tells_what_it_has():
    assert set(ironbatch.models.__all__) <= set(dir(ironbatch.models))
    with pytest.raises(AttributeError, match="no attribute 'KerasModel'"):
        ironbatch.models.KerasModel  # noqa: B018
