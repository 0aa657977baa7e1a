import json

import numpy as np
import pytest

from ironbatch import Pipeline
from ironbatch.models import TorchModel

pytestmark = pytest.mark.full("torch")

X = np.random.default_rng(0).random((6, 4, 3), dtype=np.float32)
Y = X[:, :, :1] * 2


def net(width=5, dropout=0.3, tied=False):
    from torch import nn

    module = nn.Sequential(
        nn.Linear(3, width), nn.BatchNorm1d(width), nn.Dropout(dropout), nn.Linear(width, 1)
    )
    if tied:
        module.add_module("again", nn.Linear(1, 1))
        module.add_module("twin", module.again)
    return module


def made(**config):
    return TorchModel({"module": net, "loss": "mse", "seed": 1, "device": "cpu"} | config)


def learn(model, first=0, last=6):
    return [model.train(X[number], Y[number]) for number in range(first, last)]


def same(one, other):
    one, other = one.module.state_dict(), other.module.state_dict()
    return all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9}},
        {"optimizer": {"name": "AdamW", "betas": (0.8, 0.9), "amsgrad": True}},
        {"optimizer": {"name": "Adagrad", "lr": 0.1}},
        {"optimizer": "SGD", "scheduler": {"name": "MultiStepLR", "milestones": [2, 4]}},
        {"scheduler": {"name": "OneCycleLR", "max_lr": 0.1, "total_steps": 10}},
        {"scheduler": {"name": "ReduceLROnPlateau", "patience": 1}},
        {"scheduler": {"name": "CosineAnnealingLR", "T_max": 5, "every": 2}},
        {"amp": "bf16"},
        {"amp": "fp16", "optimizer": {"name": "SGD", "lr": 0.01}},
        {"accumulate": 2},
        {"accumulate": 4, "clip": 0.1},
        {"arguments": {"tied": True}},
    ],
    ids=str,
)
@pytest.mark.parametrize("stop", [1, 3])
def test_training_goes_on_after_loading_as_if_it_had_not_stopped(config, stop, tmp_path):
    whole, first = made(**config), made(**config)
    losses = learn(whole)
    learn(first, 0, stop)
    first.save(tmp_path / "net.safetensors")
    second = made(**{**config, "seed": 1, "load": tmp_path / "net.safetensors"})
    assert learn(second, stop) == losses[stop:]
    assert same(whole, second)
    assert second.updates == whole.updates
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_weights_alone_start_a_new_training(tmp_path):
    model, other = made(), made(seed=2)
    learn(model)
    model.save(tmp_path / "with")
    model.save(tmp_path / "without", training=False)
    assert (tmp_path / "without").stat().st_size < (tmp_path / "with").stat().st_size
    other.load(tmp_path / "with", training=False)
    assert same(model, other)
    assert (other.updates, other.optimizer) == (0, None)
    other.load(tmp_path / "without")
    assert (other.updates, other.optimizer) == (0, None)


def test_the_file_is_one_that_others_read(tmp_path):
    from safetensors.torch import load_file, save_file

    model, other = made(), made(seed=2)
    learn(model)
    model.save(tmp_path / "m", training=False)
    assert load_file(tmp_path / "m").keys() == model.module.state_dict().keys()
    save_file(model.module.state_dict(), tmp_path / "theirs")
    other.load(tmp_path / "theirs")
    assert same(model, other)


def test_a_model_that_was_trained_may_be_loaded_over(tmp_path):
    model, other = made(accumulate=2), made(accumulate=2)
    learn(model, 0, 3)
    model.save(tmp_path / "m")
    learn(other, 0, 5)
    other.load(tmp_path / "m")
    assert learn(model, 3) == learn(other, 3)
    assert same(model, other)


def test_a_missing_file_names_model_and_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"TorchModel\(Sequential\) cannot.*none\.safe"
    ) as e:
        Pipeline().init_model(
            "net", TorchModel, config={"module": net, "load": tmp_path / "none.safetensors"}
        ).m("net")
    assert "while model 'net' was made" in e.value.__notes__


def test_shapes_that_differ_name_model_file_and_both_shapes(tmp_path):
    model = made()
    learn(model)
    model.save(tmp_path / "m")
    other = made(arguments={"width": 7})
    before = {name: value.clone() for name, value in other.module.state_dict().items()}
    with pytest.raises(
        ValueError,
        match=r"l\(Sequential\) and '.*m': '0\.weight' is \(5, 3\) in the file, \(7, 3\) in",
    ):
        other.load(tmp_path / "m")
    assert all((before[name] == value).all() for name, value in other.module.state_dict().items())


def test_names_that_differ_are_told(tmp_path):
    model, other = made(), made(arguments={"tied": True})
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"'again\.weight' is not in the file"):
        other.load(tmp_path / "m")
    other.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"'again\.bias' is in the file alone; .*and|again"):
        model.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("config", "match"),
    [
        (
            {"optimizer": "SGD"},
            r"with the optimizer .*Adam, and .* has .*SGD.*training=False",
        ),
        ({"scheduler": {"name": "StepLR", "step_size": 1}}, "scheduler None, and .* has .*StepLR"),
    ],
)
def test_another_optimizer_or_scheduler_leaves_the_model_as_it_was(config, match, tmp_path):
    model, other = made(), made(**config, seed=2)
    learn(model, 0, 2)
    learn(other, 0, 1)
    before = {name: value.clone() for name, value in other.module.state_dict().items()}
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=match):
        other.load(tmp_path / "m")
    assert all((before[name] == value).all() for name, value in other.module.state_dict().items())
    assert other.updates == 1


@pytest.mark.parametrize("content", [b"", b"no tensors at all", b"\x08" + bytes(7) + b"{" * 8])
def test_files_of_another_kind_are_refused(content, tmp_path):
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ValueError, match=r"m' is no whole safetensors file"):
        made().load(tmp_path / "m")


def test_half_a_file_is_refused(tmp_path):
    model = made()
    learn(model)
    model.save(tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    (tmp_path / "m").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"m' is no whole safetensors file"):
        made().load(tmp_path / "m")


@pytest.mark.parametrize(
    ("header", "match"),
    [({"version": 9}, "is of version 9"), ({"version": 1, "training": {}}, "lacks a part")],
)
def test_a_header_that_is_not_understood_is_refused(header, match, tmp_path):
    from safetensors.torch import save_file

    model = made()
    save_file(model.module.state_dict(), tmp_path / "m", {"ironbatch": json.dumps(header)})
    with pytest.raises(ValueError, match=match):
        model.load(tmp_path / "m")


def test_a_save_that_fails_leaves_the_file_as_it_was(tmp_path):
    model = made(
        scheduler={"name": "LambdaLR", "lr_lambda": lambda n: 1 / (n + 1)}, optimizer={"lr": 0.1}
    )
    model.save(tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    learn(model)
    model.optimizer.param_groups[0]["odd"] = object()
    with pytest.raises(TypeError, match=r"cannot be written as JSON.*training=False"):
        model.save(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before
    model.save(tmp_path / "m", training=False)
    assert (tmp_path / "m").read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
