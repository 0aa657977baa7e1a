import copy
import pickle

import pytest

from ironbatch import Config


@pytest.fixture
def config():
    return Config({"model/lr": 0.1, "model": {"depth": 3}, "size": 64})


def test_paths_lead_into_the_tree(config):
    assert config["model/lr"] == config["model"]["lr"] == config.model.lr == 0.1
    assert config["//model///depth/"] == 3


def test_a_missing_option_is_named_with_near_names(config):
    with pytest.raises(KeyError, match=r"model/dept.*near names: model/depth"):
        config["model/dept"]


def test_get_has_a_default(config):
    assert (config.get("no/such"), config.get("no/such", default=5)) == (None, 5)
    assert config.get(["size", "other"], 0) == [64, 0]


def test_a_list_of_paths_gives_a_list(config):
    assert config[["size", "model/lr"]] == [64, 0.1]


def test_assigning_replaces_a_subtree_and_putting_merges(config):
    config.put("model", {"width": 8})
    assert config["model"] == {"lr": 0.1, "depth": 3, "width": 8}
    config["model"] = {"width": 8}
    assert config["model"] == {"width": 8}


def test_a_path_through_a_value_replaces_it(config):
    config["size/x"] = 1
    assert config["size"] == {"x": 1}


def test_a_nested_config_shares_memory(config):
    config["model"]["lr"] = 0.5
    config.model.depth = 4
    assert (config["model/lr"], config["model/depth"]) == (0.5, 4)


def test_a_config_made_of_a_config_is_shared(config):
    Config(config)["size"] = 1
    assert config["size"] == 1


def test_a_copy_is_not_shared(config):
    for twin in (config.copy(), copy.copy(config)):
        twin["model/lr"] = 9
    assert config["model/lr"] == 0.1


def test_pop_and_delete(config):
    assert config.pop("model/lr") == 0.1
    assert config.pop("model/lr", None) is None
    assert config.pop(["size", "gone"], 0) == [64, 0]
    del config["model"]
    assert len(config) == 0
    with pytest.raises(KeyError, match="model"):
        config.pop("model")


def test_keys_values_and_items(config):
    assert list(config.keys()) == list(config) == ["model", "size"]
    assert list(config.keys(flatten=True)) == ["model/lr", "model/depth", "size"]
    assert list(config.values(flatten=True)) == [0.1, 3, 64]
    assert dict(config.items(flatten=True)) == config.flatten()


def test_adding_merges_and_the_right_wins(config):
    assert (config + {"model/lr": 1})["model"] == {"lr": 1, "depth": 3}
    assert ({"size": 1, "x": 2} + config).flatten() == {**config.flatten(), "x": 2}
    with pytest.raises(TypeError):
        config + 3


def test_update(config):
    config.update({"model": {"lr": 2}}, size=5)
    assert config.flatten() == {"model/lr": 2, "model/depth": 3, "size": 5}


def test_membership(config):
    assert "model/lr" in config
    assert "model/x" not in config
    assert 5 not in config


def test_made_of_pairs_and_keywords():
    assert Config([("a/b", 1)], c=2) == {"a": {"b": 1}, "c": 2}


@pytest.mark.parametrize("key", [1, None, ("a",)])
def test_keys_are_strings(key):
    with pytest.raises(TypeError, match="str"):
        Config({key: 1})


def test_the_root_is_a_dictionary():
    with pytest.raises(TypeError, match="root"):
        Config().put("/", 5)


def test_an_unknown_attribute(config):
    with pytest.raises(AttributeError, match="'colour'"):
        config.colour  # noqa: B018


def test_it_pickles(config):
    assert pickle.loads(pickle.dumps(config)) == config


def test_what_a_config_cannot_be_made_of_is_named():
    for wrong in (5, "ab"):
        with pytest.raises(TypeError, match=f"made of a dictionary.*got {wrong!r}"):
            Config(wrong)


def test_the_root_is_no_option(config):
    for path in ("", "/"):
        with pytest.raises(ValueError, match="root of the config"):
            config[path] = 3
        with pytest.raises(ValueError, match="root of the config"):
            config.pop(path)


def test_near_names_come_once_and_with_every_error(config):
    with pytest.raises(KeyError, match="near names: size"):
        config.pop("sise")
    with pytest.raises(KeyError) as caught:
        config["sise"]
    assert str(caught.value).count("size") == 1
    with pytest.raises(AttributeError, match="near names: size"):
        config.sise  # noqa: B018


def test_a_dictionary_with_other_keys_is_a_value():
    weights = {0: 1.0, 1: 5.0}
    config = Config({"loss": {"weights": weights}})
    assert config["loss/weights"] == weights
    assert config["loss/weights"][1] == 5.0
    assert config.flatten() == {"loss/weights": weights}


def test_comparing_with_what_is_no_config(config):
    assert config != 5
    assert config != {1: 2}
