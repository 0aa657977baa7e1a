import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import ironbatch
from ironbatch import (
    IF,
    PP,
    B,
    C,
    Config,
    D,
    Dataset,
    F,
    I,
    L,
    NamedExpression,
    P,
    Pipeline,
    R,
    V,
    W,
    eval_expr,
)


class Pairs(ironbatch.Batch):
    components = "images", "labels"


@pytest.fixture
def dataset():
    return Dataset(4, Pairs, preloaded=(np.arange(12.0).reshape(4, 3), np.arange(4)), name="four")


@pytest.fixture
def batch(dataset):
    pipeline = (dataset >> Pipeline(config={"a/b": 5})).init_variable("x", 10)
    return pipeline.execute_for(dataset.create_batch([1, 2, 3]))


def test_b_is_the_batch_or_a_part_of_it(batch):
    assert B().get(batch=batch) is batch
    assert B.labels.get(batch=batch).tolist() == [1, 2, 3]
    assert B("size").get(batch=batch) == 3
    assert B(F(lambda: "size")).get(batch=batch) == 3


def test_b_can_copy(batch):
    copied = B("labels", copy=True).get(batch=batch)
    copied[0] = 9
    assert batch.labels[0] == 1
    assert B(copy=True).get(batch=batch) is not batch


def test_b_is_assigned_to(batch):
    B.labels.set(np.array([7, 8, 9]), batch=batch)
    assert batch.labels.tolist() == [7, 8, 9]
    with pytest.raises(TypeError, match="cannot be assigned"):
        B().set(3, batch=batch)


def test_b_needs_a_batch():
    with pytest.raises(ValueError, match="needs a batch"):
        B.size.get()


def test_chains(batch):
    assert B.images.shape[0].get(batch=batch) == 3
    assert B.images[1:, 0].get(batch=batch).tolist() == [6.0, 9.0]
    assert B.images[B.labels - 1].sum(axis=1).get(batch=batch).tolist() == [12.0, 21.0, 30.0]


def test_chains_are_assigned_to(batch):
    B.images[0].set([1.0, 1.0, 1.0], batch=batch)
    assert batch.images[0].tolist() == [1.0, 1.0, 1.0]
    thing = SimpleNamespace(inner=SimpleNamespace(value=1))
    F(lambda: thing).inner.value.set(2)
    assert thing.inner.value == 2


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (B.size + 1, 4),
        (1 + B.size, 4),
        (B.size - 1, 2),
        (1 - B.size, -2),
        (B.size * 2, 6),
        (B.size / 2, 1.5),
        (6 / B.size, 2.0),
        (B.size // 2, 1),
        (7 // B.size, 2),
        (B.size % 2, 1),
        (B.size**2, 9),
        (2**B.size, 8),
        (B.size << 1, 6),
        (B.size >> 1, 1),
        (B.size & 1, 1),
        (B.size | 4, 7),
        (B.size ^ 1, 2),
        (B.size < 4, True),
        (B.size <= 3, True),
        (B.size > 4, False),
        (B.size >= 3, True),
        (B.size == 3, True),
        (B.size != 3, False),
        (-B.size, -3),
        (+B.size, 3),
        (~B.size, -4),
        (abs(-B.size), 3),
        (B.size.str() + "!", "3!"),
        (B.size.format("<{:03d}>"), "<003>"),
    ],
)
def test_algebra(batch, expression, expected):
    assert expression.get(batch=batch) == expected
    assert pickle.loads(pickle.dumps(expression)).get(batch=batch) == expected


def test_matrix_product(batch):
    assert (B.labels @ B.labels).get(batch=batch) == 14


def test_expressions_have_no_truth_and_no_items():
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(B.size > 3)
    with pytest.raises(TypeError, match="iterated"):
        list(B.images)
    with pytest.raises(TypeError, match="no value before"):
        3 in B.images  # noqa: B015


def test_expressions_are_hashable():
    assert len({B.size, B.size}) == 2


def test_repr_is_what_was_written():
    written = """\
(B.images[1:3].mean(axis=0) + 1) * V('x')
1 - (B.a - 2) - B.b
(-B.a) ** 2 ** B.b
-B.a ** 2
(-2) ** B.a
(B.a < 3) & ~(B.b == 2) | B.c
(B.a < B.b) == B.c
abs(B.a - 1)
(B.a + 1).shape[0]
B.x[..., 1:2, ::3]
B.x[B.y,]
B('two words', copy=True)
C('a', default=1)
V('x', mode='a')
R('normal', 0, scale=2, size=3, seed=5)
IF(B.x, 1, 2)
L.images.shape[0]
L('images')[1:]
F(len)(B())
(B.a / 3).format('{:.2f}')
(B.a @ B.b).str()"""
    for line in written.splitlines():
        assert repr(eval(line)) == line


def test_v_is_a_variable(batch):
    assert V("x").get(batch=batch) == 10
    V("x").set(11, batch=batch)
    assert batch.pipeline.v("x") == 11


def test_v_of_another_pipeline(batch):
    other = Pipeline().init_variable("x", 99)
    assert V("x", pipeline=other).get(batch=batch) == 99
    assert V("x").get(pipeline=other) == 99


def test_modes():
    pipeline = Pipeline().init_variables({"list": [1], "set": {1}, "dict": {"a": 1}, "none": None})
    V("list", mode="a").set(2, pipeline=pipeline)
    V("list").extend([3, 4], pipeline=pipeline)
    V("set").append({2}, pipeline=pipeline)
    V("dict", "update").set({"b": 2}, pipeline=pipeline)
    V("none").append([5], pipeline=pipeline)
    assert pipeline.v("list") == [1, 2, 3, 4]
    assert pipeline.v("set") == {1, 2}
    assert pipeline.v("dict") == {"a": 1, "b": 2}
    assert pipeline.v("none") == [5]
    V("none").assign(0, pipeline=pipeline)
    V("set").update({7}, pipeline=pipeline)
    assert (pipeline.v("none"), pipeline.v("set")) == (0, {1, 2, 7})


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode"):
        V("x", mode="z")


def test_a_value_that_is_an_expression_is_computed_when_stored(batch):
    V("x").set(B.size, batch=batch)
    assert batch.pipeline.v("x") == 3
    V("x").set(B.size, eval=False, batch=batch)
    assert isinstance(batch.pipeline.v("x"), NamedExpression)


def test_c_is_an_option(batch):
    assert C("a/b").get(batch=batch) == 5
    assert C().get(batch=batch) is batch.pipeline.config
    assert C("no", default=F(lambda: 3)).get(batch=batch) == 3
    with pytest.raises(KeyError, match="no option 'no'"):
        C("no").get(batch=batch)
    C("a/c").set(6, batch=batch)
    assert batch.pipeline.config["a/c"] == 6
    assert pickle.loads(pickle.dumps(C("no", default=1))).get(batch=batch) == 1
    with pytest.raises(TypeError, match="colour"):
        C("a", colour=1)


def test_d_is_the_dataset(batch, dataset):
    assert D().get(batch=batch) is dataset
    assert D.name.get(batch=batch) == "four"
    with pytest.raises(AttributeError) as caught:
        D("nam").get(batch=batch)
    assert any("near names: name" in note for note in caught.value.__notes__)
    D("name").set("three", batch=batch)
    assert dataset.name == "three"


def test_i_is_the_iteration(batch):
    assert I().get(batch=batch) == 1
    assert I("current").get(batch=batch, iteration=7) == 7
    assert I("max").get(batch=batch) is None
    with pytest.raises(ValueError, match="ratio"):
        I("r").get(batch=batch)
    with pytest.raises(ValueError, match="beginnings"):
        I("x")


def test_f_calls(batch):
    assert F(lambda: 3).get() == 3
    assert F(max)(B.size, 1).get(batch=batch) == 3
    assert F(dict)(a=B.size).get(batch=batch) == {"a": 3}


def test_r_draws_from_the_batch(dataset):
    def draw(expression, seed):
        batch = dataset.create_batch([0, 1])
        batch.random_seed = seed
        return expression.get(batch=batch)

    assert draw(R("integers", 1000), 1) == draw(R("integers", 1000), 1)
    assert draw(R("normal", size=3), 1).shape == (3,)
    assert draw(R("normal", loc=B.size, scale=0), 1) == 2.0
    assert draw(R(["cat", "dog"]), 2) in ("cat", "dog")


def test_r_with_a_seed_of_its_own(batch):
    one, other = R("normal", seed=3), R("normal", seed=3)
    assert [one.get(batch=batch) for _ in range(2)] == [other.get(batch=batch) for _ in range(2)]


def test_p_gives_each_item_a_value(batch):
    assert list(P(B.labels).get(batch=batch)) == [1, 2, 3]
    assert list(P([4, 5, 6]).get(batch=batch)) == [4, 5, 6]
    with pytest.raises(ValueError, match="2 values for the 3 items"):
        P([1, 2]).get(batch=batch)
    with pytest.raises(TypeError, match="sequence"):
        P(5).get(batch=batch)


def test_p_draws_by_item_whatever_the_batch(dataset):
    def draws(ids):
        batch = dataset.create_batch(ids)
        batch.random_seed = 5
        return dict(zip(ids, P(R("normal")).get(batch=batch), strict=True))

    whole, part = draws([0, 1, 2, 3]), draws([3, 1])
    assert part == {item: whole[item] for item in part}
    assert len(set(whole.values())) == 4


def test_p_draws_vectors(batch):
    assert np.shape(list(P(R("normal", size=2)).get(batch=batch))) == (3, 2)
    assert len(list(P(R("normal", seed=1)).get(batch=batch))) == 3


def test_random_parts_of_p_are_drawn_by_item(dataset):
    def draws(ids):
        batch = dataset.create_batch(ids)
        batch.random_seed = 5
        values = P(B.labels + R("uniform", 0, 0.5) * 2).get(batch=batch)
        return dict(zip(ids, values, strict=True))

    whole, part = draws([0, 1, 2, 3]), draws([3, 1])
    assert part == {item: whole[item] for item in part}
    assert all(item < value < item + 1 for item, value in whole.items())


def test_pp_is_evaluated_for_each_item(batch):
    calls = iter(range(9))
    assert list(PP(F(lambda: next(calls))).get(batch=batch)) == [0, 1, 2]


def test_w_hands_the_expression_on(batch):
    inner = W(B.size + 1).get(batch=batch)
    assert inner.get() == 4


def test_if_evaluates_one_branch(batch):
    assert IF(B.size > 2, B.size, 1 / (B.size - 3)).get(batch=batch) == 3
    assert IF(B.size > 5, 1).get(batch=batch) is None
    IF(B.size > 2, V("x"), V("y")).set(5, batch=batch)
    assert batch.pipeline.v("x") == 5


def test_l_works_on_every_item(batch):
    assert L.images.shape.get(batch=batch) == [(3,)] * 3
    assert L("images")[0].get(batch=batch) == [3.0, 6.0, 9.0]
    assert L(B.images).sum().get(batch=batch) == [12.0, 21.0, 30.0]
    L("images")[0].set([7, 8, 9], batch=batch)
    assert batch.images[:, 0].tolist() == [7.0, 8.0, 9.0]
    with pytest.raises(ValueError, match="3 items, got 1"):
        L("images")[0].set([7], batch=batch)


def test_eval_expr_goes_into_containers(batch):
    given = {"a": [B.size, (1, B.size)], B.size: Config({"x/y": B.size}), "s": slice(B.size)}
    value = eval_expr(given, batch=batch)
    assert value["a"] == [3, (1, 3)]
    assert value[3] == Config({"x/y": 3})
    assert value["s"] == slice(3)


def test_eval_expr_leaves_some_keys_alone(batch):
    value = eval_expr({"a": B.size, "dst": B.size}, no_eval=["dst"], batch=batch)
    assert value["a"] == 3
    assert value["dst"].get() == 3


def test_a_bound_expression_needs_no_arguments(batch):
    expression = V("x")
    expression.set_params(batch=batch)
    expression.set(3)
    assert expression.get() == 3


def test_an_error_names_the_expression(batch):
    with pytest.raises(ZeroDivisionError) as caught:
        (B.size / (B.size - 3)).get(batch=batch)
    assert caught.value.__notes__ == ["while evaluating B.size / (B.size - 3)"]
    with pytest.raises(TypeError) as caught:
        (B.size + 1).set(3, batch=batch)
    assert "while storing to B.size + 1" in caught.value.__notes__


def test_an_error_in_a_part_names_the_part_and_the_whole(batch):
    with pytest.raises(AttributeError) as caught:
        (B.images.nothing[0] + 1).get(batch=batch)
    assert caught.value.__notes__ == [
        "while evaluating B.images.nothing, part of B.images.nothing[0] + 1"
    ]


def test_an_error_in_pp_names_the_expression(batch):
    with pytest.raises(ZeroDivisionError) as caught:
        list(PP(1 / (B.size - 3)).get(batch=batch))
    assert caught.value.__notes__ == [
        "while evaluating 1 / (B.size - 3), part of PP(1 / (B.size - 3))"
    ]


def test_long_values_are_shortened_in_messages(batch):
    with pytest.raises(ValueError, match="100000 values for the 3 items") as caught:
        P(list(range(100_000))).get(batch=batch)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("unordered", [{1, 2, 3}, {1: 2, 3: 4, 5: 6}, "abc", 5, np.array(3.0)])
def test_p_takes_nothing_without_order(batch, unordered):
    with pytest.raises(TypeError, match="needs a sequence of 3 values"):
        P(unordered).get(batch=batch)


def test_p_takes_a_table_by_position(batch):
    pandas = pytest.importorskip("pandas")
    column = pandas.Series([4, 5, 6], index=[2, 0, 1])
    assert [P(column).get(batch=batch)[k] for k in range(3)] == [4, 5, 6]
    rows = list(P(pandas.DataFrame({"a": column, "b": column + 1})).get(batch=batch))
    assert [row["b"] for row in rows] == [5, 6, 7]


@pytest.mark.parametrize("kind", [P, PP])
def test_p_needs_a_batch(kind):
    with pytest.raises(ValueError, match="needs a batch"):
        kind([1]).get()


def test_an_expression_that_gives_an_expression_is_evaluated_on(batch, dataset):
    dataset.size_of = B.size
    assert F(lambda: B.size + 1).get(batch=batch) == 4
    assert (D("size_of") + 1).get(batch=batch) == 4
    batch.later = B.size * 2
    assert eval_expr([B.later], batch=batch) == [6]
    V("x").set(B.size, eval=False, batch=batch)
    assert V("x").get(batch=batch) == 3


def test_r_draws_many(batch):
    assert R("normal", size=2).get(size=5, batch=batch).shape == (5, 2)
    assert R("normal").get(size=(5, 4), batch=batch).shape == (5, 4)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (np.array([10, 20, 30]) + B.labels, [11, 22, 33]),
        (np.array([10, 20, 30]) > 10 * B.labels, [False, False, False]),
        (np.eye(3) @ B.labels, [1, 2, 3]),
        (np.float64(2) * B.labels, [2, 4, 6]),
        (np.sqrt(B.labels * B.labels), [1, 2, 3]),
        (np.maximum(B.labels, 2), [2, 2, 3]),
        (np.add.accumulate(B.labels), [1, 3, 6]),
        (np.negative(B.labels), [-1, -2, -3]),
        (np.add(B.labels, 1, dtype=float), [2, 3, 4]),
    ],
    ids=repr,
)
def test_functions_of_numpy_give_expressions(batch, expression, expected):
    assert isinstance(expression, NamedExpression)
    assert expression.get(batch=batch).tolist() == expected
    assert pickle.loads(pickle.dumps(expression)).get(batch=batch).tolist() == expected


def test_an_array_cannot_grow_by_an_expression():
    array = np.zeros(3)
    with pytest.raises(TypeError, match="no value before"):
        array += B.labels


def test_none_gives_way_to_whatever_is_stored():
    pipeline = Pipeline().init_variables("a", "e", "u", "w")
    V("a", "a").set({1}, pipeline=pipeline)
    V("a", "a").set({2}, pipeline=pipeline)
    V("e", "e").set([1], pipeline=pipeline)
    V("e", "e").set((2, 3), pipeline=pipeline)
    V("u", "u").set({"k": 1}, pipeline=pipeline)
    V("u", "u").set({"m": 2}, pipeline=pipeline)
    found = [pipeline.v(name) for name in "aeu"]
    assert found == [{1, 2}, [1, 2, 3], {"k": 1, "m": 2}]


@pytest.mark.parametrize("mode", ["a", "e", "u"])
def test_modes_work_on_items_attributes_and_options(batch, mode):
    stored = {"a": 2, "e": [2], "u": {2}}[mode]
    first = {1} if mode == "u" else [1]
    expected = {1, 2} if mode == "u" else [1, 2]
    batch.pipeline.init_variable("d", {"k": first})
    batch.notes = SimpleNamespace(inner=first.copy())
    batch.pipeline.config["opt"] = first.copy()
    for place in (V("d", mode=mode)["k"], B.notes.inner, C("opt")):
        place.set(stored, mode, batch=batch)
    assert batch.pipeline.v("d")["k"] == batch.notes.inner == expected
    assert batch.pipeline.config["opt"] == expected


def test_a_mode_that_a_value_has_no_method_for_is_an_error(batch):
    with pytest.raises(AttributeError, match="append") as caught:
        B.labels.append(3, batch=batch)
    assert "while storing to B.labels" in caught.value.__notes__
    with pytest.raises(AttributeError, match="update"):
        V("x").update(3, batch=batch)


def test_eval_expr_takes_a_pipeline_and_an_iteration():
    pipeline = Pipeline().init_variable("x", 7)
    assert eval_expr([V("x"), I()], pipeline=pipeline, iteration=4) == [7, 4]


@pytest.mark.parametrize(
    ("method", "value", "expected"),
    [("assign", 5, 5), ("append", 2, [1, 2]), ("extend", [2, 3], [1, 2, 3]), ("update", [2], None)],
)
def test_methods_that_store_take_a_batch_or_a_pipeline(batch, method, value, expected):
    expected = {1, 2} if expected is None else expected
    for context in ({"batch": batch}, {"pipeline": batch.pipeline}):
        V("x").assign({1} if method == "update" else [1], **context)
        getattr(V("x"), method)(value, **context)
        assert batch.pipeline.v("x") == expected
    batch.own = {1} if method == "update" else [1]
    getattr(B.own, method)(value, batch=batch)
    assert batch.own == expected


def test_an_expression_is_bound_to_a_pipeline():
    expression = V("x")
    expression.set_params(pipeline=Pipeline().init_variable("x", 8))
    assert expression.get() == 8


@pytest.mark.parametrize("letter", [B, C, V, L])
def test_the_mode_is_that_of_the_expression(batch, letter):
    batch.kept = [1]
    batch.pipeline.init_variable("kept", [1]).set_config({"kept": [1]})
    expression = letter("kept", mode="a")
    if letter is not L:
        expression.set(2, batch=batch)
        assert letter("kept").get(batch=batch) == [1, 2]
    assert repr(expression) == f"{letter.__name__}('kept', mode='a')"


@pytest.mark.parametrize("letter", [C, V])
def test_expressions_of_another_pipeline(batch, letter):
    other = Pipeline(config={"x": 99}).init_variable("x", 99)
    assert letter("x", pipeline=other).get(batch=batch) == 99
    letter("x", pipeline=other).set(98, batch=batch)
    assert letter("x").get(pipeline=other) == 98


def test_r_of_another_pipeline_draws_from_it(batch):
    one, two = Pipeline(), Pipeline()
    assert R("normal", pipeline=one).get() != R("normal", pipeline=two).get()
    with pytest.raises(ValueError, match="needs a pipeline"):
        R("normal").get()
