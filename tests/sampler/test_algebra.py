"""Operators between samplers, and between samplers and numbers."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironbatch import ConstantSampler, NumpySampler, Sampler
from ironbatch.sampler import WeightedSampler

OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


def pinned(seed: int, size: int, **kwargs: float) -> np.ndarray:
    return np.random.Generator(np.random.SFC64(seed)).uniform(size=(size, 1), **kwargs)


def uniform(seed: int = 0, **kwargs: float) -> NumpySampler:
    return NumpySampler("u", seed=seed, low=1, high=5, **kwargs)


class Own(Sampler):
    """A class of the user, which overrides `sample` and has no dim."""

    def __init__(self, value: object, **kwargs: object) -> None:
        super().__init__(value, **kwargs)
        self.value = value

    def sample(self, size: int) -> np.ndarray:
        return np.repeat(np.reshape(self.value, (1, -1)), size, axis=0)


@pytest.mark.parametrize("symbol", OPERATORS)
def test_arithmetic_of_two_samplers(symbol):
    points = OPERATORS[symbol](uniform(0), uniform(1)).sample(20)
    expected = OPERATORS[symbol](pinned(0, 20, low=1, high=5), pinned(1, 20, low=1, high=5))
    assert np.array_equal(points, expected)


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("number", [3, 2.5, np.float64(2), np.int8(2), np.array(2.0)])
def test_arithmetic_with_a_number_on_either_side(symbol, number):
    apply, base = OPERATORS[symbol], pinned(0, 20, low=1, high=5)
    assert np.array_equal(apply(uniform(), number).sample(20), apply(base, number))
    assert np.array_equal(apply(number, uniform()).sample(20), apply(number, base))


@pytest.mark.parametrize("row", [[1, 2, 3], np.array([1, 2, 3]), np.array([[1, 2, 3]])])
def test_a_row_has_a_number_for_each_coordinate(row):
    assert (ConstantSampler([10, 20, 30]) - row).sample(2).tolist() == [[9, 18, 27]] * 2
    assert (row - ConstantSampler([10, 20, 30])).sample(1).tolist() == [[-9, -18, -27]]


def test_one_coordinate_combines_with_many():
    both = ConstantSampler(2) * ConstantSampler([1, 2, 3])
    assert both.dim == 3
    assert both.sample(1).tolist() == [[2, 4, 6]]
    assert (ConstantSampler(2) * [1, 2, 3]).sample(1).tolist() == [[2, 4, 6]]


def test_a_row_is_copied_when_the_expression_is_made():
    row = np.array([1, 2])
    points = ConstantSampler([0, 0]) + row
    row[:] = 7
    assert points.sample(1).tolist() == [[1, 2]]


def test_and_joins_coordinates_in_order():
    joined = ConstantSampler([1, 2]) & ConstantSampler(3) & ConstantSampler([4])
    assert joined.dim == 4
    assert joined.sample(2).tolist() == [[1, 2, 3, 4]] * 2


def test_the_same_sampler_twice_draws_twice():
    x = NumpySampler("n", seed=0)
    points = (x & x).sample(100)
    assert not np.isclose(points[:, 0], points[:, 1]).any()


def test_or_draws_from_both_by_weight():
    points = (0.2 & ConstantSampler(0) | ConstantSampler(1) & 0.6).seeded(5).sample(40_000)
    assert points.shape == (40_000, 1)
    assert abs(points.mean() - 0.75) < 0.01


def test_weights_add_up_in_a_chain():
    chain = (1 & ConstantSampler(0)) | (1 & ConstantSampler(1)) | (2 & ConstantSampler(2))
    assert chain.weight == 4
    counts = np.bincount(chain.seeded(1).sample(40_000).ravel()) / 40_000
    assert np.abs(counts - [0.25, 0.25, 0.5]).max() < 0.01


def test_draws_of_a_mixture_are_independent_of_their_place():
    points = (ConstantSampler(0) | ConstantSampler(1)).seeded(9).sample(20_000).ravel()
    assert abs(np.corrcoef(points[:-1], points[1:])[0, 1]) < 0.03
    assert abs(points[:10_000].mean() - points[10_000:].mean()) < 0.03


def test_a_weight_of_zero_is_never_drawn():
    assert (0 & ConstantSampler(0) | ConstantSampler(1)).sample(1000).all()


def test_weights_multiply():
    assert (0.5 & (0.5 & ConstantSampler(0))).weight == 0.25
    assert (np.float64(0.5) & ConstantSampler(0) & np.float32(0.5)).weight == 0.25


@pytest.mark.parametrize("make", [lambda x: x + 1, lambda x: x.apply(np.abs), lambda x: x & x])
def test_operations_start_at_weight_one(make):
    assert make(0.3 & ConstantSampler(1)).weight == 1


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_mixture_has_one_dtype_whatever_was_drawn(size):
    mixture = ConstantSampler(1) | ConstantSampler(0.5)
    assert all(mixture.sample(size).dtype == np.float64 for _ in range(10))


def test_strings_mix():
    assert set((ConstantSampler("a") | ConstantSampler("bc")).sample(100).ravel()) == {"a", "bc"}


def test_apply_changes_points_and_dim():
    applied = ConstantSampler([3, 4]).apply(lambda points: (points**2).sum(axis=1))
    assert applied.sample(2).tolist() == [[25], [25]]


@pytest.mark.parametrize(
    "expression",
    [
        uniform() | uniform(1),
        uniform() & uniform(1),
        uniform() + uniform(1),
        uniform() * 2,
        0.5 & uniform(),
        uniform().apply(np.sqrt),
        uniform().truncate(high=3),
        ConstantSampler(1),
    ],
    ids=repr,
)
@pytest.mark.parametrize("size", [0, 1, 7, np.int64(3)])
def test_samples_have_size_rows(expression, size):
    points = expression.sample(size)
    assert points.ndim == 2
    assert len(points) == size


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 5))
def test_dims_follow_numpys_rules(left, right, size):
    a, b = ConstantSampler(range(left)), ConstantSampler(range(right))
    assert (a & b).sample(size).shape == (size, left + right) == (size, (a & b).dim)
    if left == right or 1 in (left, right):
        assert (a + b).sample(size).shape == (size, (a + b).dim) == (size, max(left, right))
    else:
        with pytest.raises(ValueError, match=f"{left} and of {right} coordinates"):
            _ = a + b
    if left != right:
        with pytest.raises(ValueError, match=f"{left} and of {right} coordinates"):
            _ = a | b


def test_dims_known_only_when_drawn_are_checked_then():
    mixture = Own([1, 2]) | Own(1)
    with pytest.raises(ValueError, match="2 and of 1 coordinates do not combine"):
        mixture.sample(3)
    with pytest.raises(ValueError, match="2 and of 3 coordinates do not combine"):
        (Own([1, 2]) + Own([1, 2, 3])).sample(3)
    with pytest.raises(ValueError, match="2 and of 3 coordinates do not combine"):
        (Own([1, 2]) + np.array([1, 2, 3])).sample(3)


def test_a_class_that_overrides_sample_takes_part():
    assert ((Own([1, 2]) & ConstantSampler(3)) * 2).sample(1).tolist() == [[2, 4, 6]]


def test_a_class_that_overrides_sample_cannot_have_dim():
    with pytest.raises(TypeError, match="Own defines sample"):
        Own(1, dim=2)


def test_a_class_that_defines_draw_may_give_one_dimension_and_take_dim():
    class Two(Sampler):
        def draw(self, size):
            return np.full(size, 2)

    assert Two(dim=3).sample(2).tolist() == [[2, 2, 2]] * 2


def test_a_class_without_draw_says_so():
    with pytest.raises(NotImplementedError, match="Sampler defines no draw"):
        Sampler().sample(1)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2), ()])
def test_wrong_shapes_name_the_sampler(shape):
    broken = ConstantSampler(1).apply(lambda points: np.zeros(shape))
    with pytest.raises(ValueError, match=r"ConstantSampler\(1\).apply.* drew an array of shape"):
        broken.sample(2)


@pytest.mark.parametrize("size", [2.0, "2", None, (2, 3)])
def test_size_is_an_int(size):
    with pytest.raises(TypeError):
        ConstantSampler(1).sample(size)


def test_size_is_not_negative():
    with pytest.raises(ValueError, match="0 or more, not -1"):
        ConstantSampler(1).sample(-1)


@pytest.mark.parametrize("dim", [0, -1])
def test_dim_is_positive(dim):
    with pytest.raises(ValueError, match="at least 1"):
        ConstantSampler(1, dim=dim)


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf])
def test_weights_are_finite_and_not_negative(weight):
    with pytest.raises(ValueError, match="weight of a sampler"):
        _ = weight & ConstantSampler(1)


def test_both_weights_zero():
    with pytest.raises(ValueError, match="both weights in a mixture are 0"):
        _ = (0 & ConstantSampler(1)) | (0 & ConstantSampler(2))


@pytest.mark.parametrize(
    "combine",
    [
        lambda x: x + "a",
        lambda x: None * x,
        lambda x: x & [1, 2],
        lambda x: [1, 2] & x,
        lambda x: x | 0.5,
        lambda x: 0.5 | x,
    ],
)
def test_foreign_operands_are_refused(combine):
    with pytest.raises(TypeError, match="unsupported operand"):
        combine(ConstantSampler(1))


@pytest.mark.parametrize("array", [np.ones((2, 1)), np.ones((2, 2, 2)), []])
def test_arrays_of_points_are_refused(array):
    with pytest.raises(ValueError, match="one number for each coordinate"):
        _ = ConstantSampler(1) + array


def test_a_number_for_another_count_of_coordinates():
    with pytest.raises(ValueError, match="2 and of 3 coordinates"):
        _ = ConstantSampler([1, 2]) * [1, 2, 3]


def test_apply_takes_a_callable():
    with pytest.raises(TypeError, match="apply takes a function of points, not int"):
        ConstantSampler(1).apply(3)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (ConstantSampler(1), "ConstantSampler(1)"),
        (ConstantSampler([1, 2], dim=2), "ConstantSampler([1, 2], dim=2)"),
        (
            NumpySampler("n", seed=1, loc=2, dim=3),
            "NumpySampler('normal', loc=2, dim=3, seed=1)",
        ),
        (
            0.25 & ConstantSampler(1) | ConstantSampler(2),
            "(0.25 & ConstantSampler(1)) | ConstantSampler(2)",
        ),
        (0.5 & (0.5 & ConstantSampler(1)), "0.25 & ConstantSampler(1)"),
        (2 ** (ConstantSampler(1) // 3), "2 ** (ConstantSampler(1) // 3)"),
        (Own(1) + 1, "Own(...) + 1"),
        (ConstantSampler(1).apply(np.sqrt), "ConstantSampler(1).apply(sqrt)"),
        (
            (ConstantSampler(1) + 1).truncate(3, None, np.abs, 0.1, 5),
            "(ConstantSampler(1) + 1).truncate(high=3, expr=absolute, prob=0.1, max_iters=5)",
        ),
        (
            ConstantSampler(1).truncate(low=[0], sample_anyways=True),
            "ConstantSampler(1).truncate(low=[0], sample_anyways=True)",
        ),
    ],
)
def test_repr_reads_as_the_expression(expression, text):
    assert repr(expression) == text


def test_weighted_sampler_draws_as_its_base():
    assert np.array_equal(WeightedSampler(uniform(3), 2.0).sample(5), uniform(3).sample(5))
