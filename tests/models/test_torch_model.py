import pickle

import numpy as np
import pytest

from ironbatch import B, Batch, C, Config, Dataset, V
from ironbatch.models import Model, TorchModel

pytestmark = pytest.mark.full("torch")


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (64, 1, 6, 6)).astype(np.uint8)


@pytest.fixture
def labels(images):
    return (images.mean(axis=(1, 2, 3)) > 127).astype(np.uint8)


def net(width=8, dropout=0.0):
    from torch import nn

    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 2)
    )


def classifier(**config):
    config = {
        "module": net,
        "loss": "ce",
        "optimizer/lr": 0.01,
        "seed": 1,
        "device": "cpu",
    } | config
    return TorchModel(config)


def linear(**config):
    import torch

    config = {
        "module": torch.nn.Linear,
        "arguments": {"in_features": 3, "out_features": 1},
    } | config
    return TorchModel({"loss": "mse", "seed": 1, "device": "cpu"} | config)


def weights(model):
    return {name: value.numpy().copy() for name, value in model.module.state_dict().items()}


def same(one, other):
    one, other = weights(one), weights(other)
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def test_it_is_a_model():
    assert isinstance(classifier(), Model)


def test_it_learns(images, labels):
    model = classifier()
    losses = [model.train(images / np.float32(255), labels) for _ in range(60)]
    assert losses[-1] < losses[0] / 2
    assert type(losses[0]) is float
    accuracy = (model.predict(images / np.float32(255), "labels") == labels).mean()
    assert accuracy > 0.9


def test_an_update_is_what_torch_does_by_hand():
    import torch

    model = linear(optimizer={"name": "SGD", "lr": 0.1, "momentum": 0.9})
    by_hand = torch.nn.Linear(3, 1)
    by_hand.load_state_dict(model.module.state_dict())
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    x, y = np.random.default_rng(0).random((2, 10, 3), dtype=np.float32)
    y = y[:, :1]
    for _ in range(3):
        loss = torch.nn.functional.mse_loss(by_hand(torch.from_numpy(x)), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert model.train(x, y) == loss.item()
    assert all((weights(model)[k] == v.numpy()).all() for k, v in by_hand.state_dict().items())
    assert model.updates == 3


# What the module is


def test_a_module_is_copied_and_reset_brings_its_weights_back():
    import torch

    given = torch.nn.Linear(3, 1)
    before = given.weight.detach().numpy().copy()
    model = TorchModel({"module": given, "loss": "mse"})
    model.train(np.ones((2, 3)), np.ones((2, 1)))
    assert (weights(model)["weight"] != before).any()
    assert (given.weight.detach().numpy() == before).all()
    model.reset()
    assert (weights(model)["weight"] == before).all()
    assert (model.updates, model.optimizer) == (0, None)


def test_a_module_may_be_a_path_and_its_arguments_nest():
    model = TorchModel(
        Config(
            {"module": "torch.nn.Linear", "arguments/in_features": 3, "arguments/out_features": 2}
        )
    )
    assert model.predict(np.ones((4, 3))).shape == (4, 2)
    nested = TorchModel({"module": with_nested, "arguments": {"sizes": {"deep": {"n": 5}}}})
    assert nested.predict(np.ones((4, 3))).shape == (4, 5)


def with_nested(sizes):
    from torch import nn

    assert type(sizes) is dict
    return nn.Linear(3, sizes["deep"]["n"])


def test_lazy_modules_learn_their_shapes_from_the_first_batch(images, labels, tmp_path):
    from torch import nn

    config = {"module": nn.LazyLinear, "arguments/out_features": 2, "loss": "ce", "seed": 3}
    model, other = TorchModel(config), TorchModel(config)
    with pytest.raises(ValueError, match="no shape before the first batch"):
        model.save(tmp_path / "m")
    flat = images.reshape(64, -1)
    model.train(flat, labels)
    other.predict(flat)
    other.train(flat, labels)
    assert same(model, other)
    model.save(tmp_path / "m")
    third = TorchModel({**config, "load": tmp_path / "m"})
    third.train(flat, labels)
    model.train(flat, labels)
    assert same(model, third)


def test_a_seed_makes_weights_and_dropout_the_same(images, labels):
    import torch

    def trained(seed, elsewhere):
        model = classifier(arguments={"dropout": 0.5}, seed=seed)
        for _ in range(3):
            torch.rand(elsewhere)
            model.train(images, labels)
        return model

    state = torch.get_rng_state()
    one = classifier()
    one.train(images, labels)
    assert (torch.get_rng_state() == state).all()
    assert same(trained(1, 1), trained(1, 5))
    assert not same(trained(1, 1), trained(2, 1))
    assert not same(classifier(seed=None), classifier(seed=None))


@pytest.mark.parametrize(
    ("config", "error", "match"),
    [
        ({}, KeyError, "needs the option 'module'"),
        ({"module": 5}, TypeError, "makes one, got 5"),
        ({"module": dict}, TypeError, "has made a dict"),
        ({"module": "torch.nn.Linnear"}, ImportError, "torch.nn has no 'Linnear'"),
        ({"module": net, "los": "ce"}, TypeError, "no option 'los'; near names: loss"),
        ({"module": net, "loss": "CrosEntropy"}, ValueError, "near names: CrossEntropyLoss"),
        ({"module": net, "loss": 3}, TypeError, "'loss' is a name, a class or a function, got 3"),
        ({"module": net, "accumulate": 0}, ValueError, "from 1, got 0"),
        ({"module": net, "amp": "fp8"}, ValueError, "'bf16' or 'fp16', got 'fp8'"),
    ],
)
def test_a_wrong_config_is_refused(config, error, match):
    with pytest.raises(error, match=match):
        TorchModel(config)


def test_arguments_are_not_for_a_module_that_is_made():
    with pytest.raises(TypeError, match="'arguments' is for a class"):
        TorchModel({"module": net(), "arguments": {"width": 3}})


# Losses, optimizers, schedulers


def test_the_loss_may_be_a_name_a_class_a_dict_or_a_function():
    import torch
    from torch import nn

    x, y = np.ones((2, 3)), np.zeros((2, 1))
    first = linear().train(x, y)
    for loss in (
        "MSE",
        "MSELoss",
        nn.MSELoss,
        nn.MSELoss(),
        {"name": "l2"},
        nn.functional.mse_loss,
    ):
        assert linear(loss=loss).train(x, y) == first
    assert linear(loss={"name": "mse", "reduction": "sum"}).train(x, y) == pytest.approx(2 * first)
    assert linear(loss=lambda out, y: (out - y).abs().mean()).train(x, y) == pytest.approx(
        first**0.5
    )
    with pytest.raises(ValueError, match=r"one number, got \(2, 1\) float32"):
        linear(loss={"name": "mse", "reduction": "none"}).train(x, y)
    assert torch.is_grad_enabled()


def test_without_a_loss_it_predicts_but_does_not_learn():
    model = linear(loss=None)
    assert model.predict(np.ones((2, 3))).shape == (2, 1)
    with pytest.raises(ValueError, match=r"TorchModel\(Linear\) cannot learn: .*no 'loss'"):
        model.train(np.ones((2, 3)), np.ones((2, 1)))


@pytest.mark.parametrize("optimizer", ["sgd", {"name": "SGD", "lr": 0.5}, "torch.optim.RMSprop"])
def test_optimizers_by_name(optimizer):
    model = linear(optimizer=optimizer)
    model.train(np.ones((2, 3)), np.ones((2, 1)))
    assert type(model.optimizer).__name__.lower() in str(optimizer).lower()
    if isinstance(optimizer, dict):
        assert model.optimizer.param_groups[0]["lr"] == 0.5


def test_an_optimizer_may_be_a_function_of_the_parameters():
    import torch

    def made(parameters):
        return torch.optim.SGD(list(parameters)[:1], lr=1)

    model = linear(optimizer=made)
    before = weights(model)
    model.train(np.ones((2, 3)), np.ones((2, 1)))
    assert (weights(model)["bias"] == before["bias"]).all()
    assert (weights(model)["weight"] != before["weight"]).any()


def test_unknown_optimizers_and_schedulers_have_near_names():
    for option, name, near in (("optimizer", "AdmW", "AdamW"), ("scheduler", "StepLr2", "StepLR")):
        with pytest.raises(ValueError, match=rf"'{option}' is not known: '{name}'; near.*{near}"):
            linear(**{option: name}).train(np.ones((2, 3)), np.ones((2, 1)))


@pytest.mark.parametrize(("every", "rates"), [(1, [0.5, 0.25, 0.125]), (2, [1, 0.5, 0.5])])
def test_the_scheduler_steps_after_updates(every, rates):
    model = linear(
        optimizer={"name": "SGD", "lr": 1.0},
        scheduler={"name": "StepLR", "step_size": 1, "gamma": 0.5, "every": every},
    )
    found = []
    for _ in range(3):
        model.train(np.zeros((2, 3)), np.zeros((2, 1)))
        found.append(model.optimizer.param_groups[0]["lr"])
    assert found == rates


def test_a_scheduler_of_the_loss_gets_it():
    model = linear(
        optimizer={"name": "SGD", "lr": 1e-9},
        scheduler={"name": "ReduceLROnPlateau", "patience": 0, "factor": 0.5, "eps": 0},
    )
    for _ in range(3):
        model.train(np.ones((2, 3)), np.full((2, 1), 9.0))
    assert model.optimizer.param_groups[0]["lr"] < 1e-9
    with pytest.raises(ValueError, match="number of updates from 1, got 0"):
        linear(scheduler={"name": "StepLR", "step_size": 1, "every": 0}).train(
            np.ones((2, 3)), np.ones((2, 1))
        )


def test_accumulated_batches_make_the_update_of_a_large_one():
    x, y = np.random.default_rng(0).random((2, 12, 3), dtype=np.float32)
    y = y[:, :1]
    options = {"optimizer": {"name": "SGD", "lr": 0.1}}
    one, several = linear(**options), linear(**options, accumulate=3)
    one.train(x, y)
    for part in range(0, 12, 4):
        assert several.updates == 0
        several.train(x[part : part + 4], y[part : part + 4])
    assert several.updates == 1
    for name, value in weights(one).items():
        assert np.allclose(value, weights(several)[name], atol=1e-6)


def test_gradients_are_clipped():
    model = linear(optimizer={"name": "SGD", "lr": 1.0}, clip=0.01)
    before = weights(model)
    model.train(np.ones((2, 3)), np.full((2, 1), 100.0))
    moved = sum(((value - before[name]) ** 2).sum() for name, value in weights(model).items())
    assert moved**0.5 == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("amp", "dtype"), [(False, "float32"), (True, "bfloat16"), ("fp16", "float16")]
)
def test_mixed_precision(amp, dtype, images, labels):
    seen = []

    def spied():
        module = net()
        module[1].register_forward_hook(lambda *args: seen.append(str(args[2].dtype)))
        return module

    model = classifier(module=spied, amp=amp)
    losses = [model.train(images / np.float32(255), labels) for _ in range(30)]
    assert losses[-1] < losses[0]
    assert set(seen) == {f"torch.{dtype}"}
    assert model.predict(images, "proba").dtype == np.float32
    assert {str(one.dtype) for one in model.module.parameters()} == {"torch.float32"}


# Data


def test_arrays_become_tensors_without_a_copy():
    import torch

    seen = []

    class Spy(torch.nn.Module):
        def forward(self, x, scale=None):
            seen.append((x, scale))
            return x

    model = TorchModel({"module": Spy, "device": "cpu"})
    array = np.ones((4, 3), np.float32)
    model.predict(array)
    assert seen[-1][0].data_ptr() == array.ctypes.data
    for other in (array[::-1], array.astype(">f4"), np.broadcast_to(array[0], (4, 3))):
        assert (model.predict(other) == 1).all()
    for dtype in (np.uint8, np.int16, np.uint16, np.float64, np.float16, bool):
        model.predict(array.astype(dtype))
        assert seen[-1][0].dtype == torch.float32
    model.predict(array.astype(np.int64))
    assert seen[-1][0].dtype == torch.int64
    model.predict((array, array))
    assert seen[-1][1] is not None
    model.predict({"x": array, "scale": array})
    assert seen[-1][1] is not None
    given = torch.ones(4, 3)
    model.predict(given)
    assert seen[-1][0] is given


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, bool])
def test_integers_are_classes_for_cross_entropy_and_floats_for_others(dtype, images, labels):
    assert classifier().train(images, labels.astype(dtype)) > 0
    targets = labels[:10, None].astype(dtype)
    assert linear(loss="bce").train(np.ones((10, 3)), targets) > 0


def test_several_targets_go_to_a_loss_of_ones_own():
    def loss(out, targets):
        first, named = targets
        return (out - first).pow(2).mean() + named["second"].pow(2).mean()

    second = np.full((2, 1), 2.0)
    value = linear(loss=loss).train(np.zeros((2, 3)), (np.zeros((2, 1)), {"second": second}))
    assert value > 4


@pytest.mark.parametrize("loss", ["mse", "bce", "mae"])
def test_shapes_that_would_be_broadcast_are_refused_with_both(loss):
    with pytest.raises(ValueError, match=r"\) gives \(8, 1\), the targets are \(8,\); .*None\]"):
        linear(loss=loss).train(np.ones((8, 3)), np.ones(8))


def test_data_that_does_not_fit_names_the_model_and_the_shapes():
    model = linear()
    with pytest.raises(RuntimeError) as e:
        model.predict(np.ones((8, 5)))
    assert e.value.__notes__ == ["TorchModel(Linear) got (8, 5) float32"]
    with pytest.raises(ValueError, match="batch_size") as e:
        classifier().train(np.ones((8, 36)), np.ones(7, int))
    assert "outputs (8, 2) float32 and targets (7,) int64" in e.value.__notes__[0]


@pytest.mark.parametrize("values", [["a", "b"], [None, 1]])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(TypeError, match="arrays of numbers"):
        linear().predict(np.array(values))
    with pytest.raises(TypeError, match="targets are arrays of numbers"):
        linear().train(np.ones((2, 3)), np.array(values))


def test_outputs_of_prediction(images):
    model = classifier()
    raw, proba, labels, own, both = (
        model.predict(images),
        model.predict(images, "proba"),
        model.predict(images, outputs="labels"),
        model.predict(images, lambda out: out.sum(1)),
        model.predict(images, ["labels", "predictions"]),
    )
    assert np.allclose(np.exp(raw) / np.exp(raw).sum(1, keepdims=True), proba, atol=1e-5)
    assert (labels == raw.argmax(1)).all()
    assert np.allclose(own, raw.sum(1), atol=1e-6)
    assert (both[0] == labels).all()
    assert (both[1] == raw).all()
    assert (classifier(outputs="labels").predict(images) == labels).all()
    assert np.allclose(model.predict(images, "sigmoid"), 1 / (1 + np.exp(-raw)), atol=1e-5)
    with pytest.raises(ValueError, match="'labels' or functions, got 'label'"):
        model.predict(images, "label")


def test_one_channel_is_class_one_of_two():
    model = linear()
    x = np.random.default_rng(0).normal(size=(20, 3))
    raw = model.predict(x)
    assert (model.predict(x, "labels") == (raw[:, 0] > 0)).all()
    assert np.allclose(model.predict(x, "proba"), 1 / (1 + np.exp(-raw)))


def test_modules_that_return_structures():
    import torch

    class Two(torch.nn.Module):
        def forward(self, x):
            return {"a": x, "b": (x, x)}

    model = TorchModel({"module": Two})
    result = model.predict(np.ones((2, 3)))
    assert result["a"].shape == result["b"][1].shape == (2, 3)
    with pytest.raises(TypeError, match="returns a dict, of which 'labels'"):
        model.predict(np.ones((2, 3)), "labels")


def test_prediction_switches_dropout_off(images, labels):
    model = classifier(arguments={"dropout": 0.9})
    model.train(images, labels)
    assert (model.predict(images) == model.predict(images)).all()
    assert model.train(images, labels) != model.train(images, labels)


def test_it_can_be_pickled(images, labels):
    model = classifier(scheduler={"name": "StepLR", "step_size": 2})
    model.train(images, labels)
    again = pickle.loads(pickle.dumps(model))
    for one in (model, again):
        one.train(images, labels)
    assert same(model, again)


def test_masks_are_classes_of_pixels():
    import torch

    images = np.random.default_rng(0).random((8, 1, 6, 6), dtype=np.float32)
    masks = images[:, 0] > 0.5
    model = TorchModel(
        {"module": torch.nn.Conv2d, "arguments": {"in_channels": 1, "out_channels": 2}}
        | {"arguments/kernel_size": 1, "loss": "ce", "optimizer/lr": 0.1, "seed": 1}
    )
    for _ in range(100):
        model.train(images, masks)
    found = model.predict(images, outputs="labels")
    assert found.shape == masks.shape
    assert (found == masks).mean() > 0.9


# In pipelines


class Scans(Batch):
    components = "images", "labels", "guesses"


def test_it_is_trained_and_used_in_pipelines(images, labels):
    dataset = Dataset(64, Scans, preloaded={"images": images, "labels": labels})
    config = {"module": net, "loss": "ce", "optimizer": {"lr": C("rate")}, "seed": 1}

    def run(prefetch):
        pipeline = dataset.p.set_config({"rate": 0.01}).init_variables({"loss": []})
        pipeline = pipeline.init_model("net", TorchModel, config=config)
        pipeline = pipeline.train_model("net", B.images, B.labels, save_to=V("loss", mode="a"))
        pipeline = pipeline.predict_model("net", B.images, outputs="labels", save_to=B.guesses)
        batches = list(pipeline.gen_batch(10, shuffle=1, n_epochs=2, prefetch=prefetch))
        return pipeline, [batch.guesses.tolist() for batch in batches]

    first, guesses = run(0)
    second, again = run(4)
    assert guesses == again
    assert first.v("loss") == second.v("loss")
    assert len(first.v("loss")) == 13
    assert first.m("net").optimizer.param_groups[0]["lr"] == 0.01
    assert same(first.m("net"), second.m("net"))
