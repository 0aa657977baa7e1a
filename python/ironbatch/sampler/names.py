"""Names of distributions: aliases, what NumPy offers, and what to say about an unknown name."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

ALIASES: dict[str, dict[str, str]] = {
    "n": {"np": "normal", "ss": "norm"},
    "u": {"np": "uniform", "ss": "uniform"},
    "mvn": {"np": "multivariate_normal", "ss": "multivariate_normal"},
    "e": {"np": "exponential", "ss": "expon"},
    "g": {"np": "gamma", "ss": "gamma"},
    "be": {"np": "beta", "ss": "beta"},
    "mnm": {"np": "multinomial", "ss": "multinomial"},
    "f": {"np": "f", "ss": "f"},
    "p": {"np": "poisson", "ss": "poisson"},
    "w": {"np": "weibull", "ss": "dweibull"},
    "ln": {"np": "lognormal", "ss": "lognorm"},
    "b": {"np": "binomial", "ss": "binom"},
    "chi2": {"np": "chisquare", "ss": "chi2"},
    "c": {"np": "choice"},
}
"""Full names by alias: of the methods of a NumPy generator ('np') and in `scipy.stats` ('ss')."""

NUMPY_NAMES = frozenset(
    {
        "beta",
        "binomial",
        "chisquare",
        "choice",
        "dirichlet",
        "exponential",
        "f",
        "gamma",
        "geometric",
        "gumbel",
        "hypergeometric",
        "integers",
        "laplace",
        "logistic",
        "lognormal",
        "logseries",
        "multinomial",
        "multivariate_hypergeometric",
        "multivariate_normal",
        "negative_binomial",
        "noncentral_chisquare",
        "noncentral_f",
        "normal",
        "pareto",
        "poisson",
        "power",
        "random",
        "rayleigh",
        "standard_cauchy",
        "standard_exponential",
        "standard_gamma",
        "standard_normal",
        "standard_t",
        "triangular",
        "uniform",
        "vonmises",
        "wald",
        "weibull",
        "zipf",
    }
)
"""Methods of `numpy.random.Generator` that draw `size` values."""

LEGACY_NAMES = {
    "rand": "random",
    "randint": "integers",
    "randn": "standard_normal",
    "random_integers": "integers",
    "random_sample": "random",
    "ranf": "random",
}
"""Functions of old NumPy and the methods that took their place."""

_LIBRARIES = {"np": "a NumPy generator", "ss": "scipy.stats"}


def full_name(name: str, library: str, known: Collection[str]) -> str:
    """Find the distribution that a name or an alias stands for.

    Parameters
    ----------
    name : str
        A name or a key of `ALIASES`.
    library : {'np', 'ss'}
        Where the distribution is.
    known : collection of str
        The full names there.

    Returns
    -------
    str
        The full name.

    Raises
    ------
    TypeError
        If `name` is not a string.
    ValueError
        If there is no such distribution; the message has the nearest names.

    Examples
    --------
    >>> full_name('ln', 'np', NUMPY_NAMES)
    'lognormal'
    """
    if not isinstance(name, str):
        raise TypeError(f"a distribution is given by its name, not {type(name).__name__}")
    full = ALIASES[name].get(library) if name in ALIASES else name
    if full is None:
        raise ValueError(f"alias {name!r} stands for nothing in {_LIBRARIES[library]}")
    if full not in known:
        _unknown(full, library, known)
    return full


def _unknown(name: str, library: str, known: Collection[str]) -> NoReturn:
    from difflib import get_close_matches

    nearest = get_close_matches(name.lower(), sorted(known), n=3, cutoff=0.5)
    if library == "np" and name in LEGACY_NAMES:
        nearest = [LEGACY_NAMES[name]]
    hint = f"; the nearest: {', '.join(map(repr, nearest))}" if nearest else ""
    raise ValueError(f"{_LIBRARIES[library]} has no distribution {name!r}{hint}")
