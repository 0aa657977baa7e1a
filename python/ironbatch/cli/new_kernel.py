"""``python -m ironbatch new-kernel NAME``: a package of native kernels to begin with."""

from __future__ import annotations

import argparse
import keyword
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from ironbatch.kernels.sdk import find_cargo, get_sdk, quoted

__all__ = ["add_parser", "run", "write"]

_TEMPLATE = Path(__file__).parents[1] / "kernels" / "template"
_PLACEHOLDER = "my_kernels"
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
# Words of Rust, and crates that kernels depend on.
_CRATES = """
as async await break const continue crate else enum extern false fn for if impl in let loop match
mod move mut pub ref return self static struct super trait true type unsafe use where while abstract
become box do dyn final gen macro override priv try typeof unsized virtual yield alloc core
proc_macro std test ironbatch_kernel ironbatch_kernel_macros ndarray
"""
_PACKAGES = "ironbatch numpy pip pytest setuptools setuptools_rust"
_TAKEN = frozenset(_CRATES.split()).union(
    _PACKAGES.split(), keyword.kwlist, sys.stdlib_module_names
)

_CONFIG = """\
# Where the SDK is on this machine; written by `python -m ironbatch new-kernel`.
[patch.crates-io]
ironbatch-kernel = {{ path = {kernel} }}

# To use `cargo` itself without a network: what the SDK needs, from its folder. Other crates are not
# found then.
# [source.crates-io]
# replace-with = "ironbatch"
# [source.ironbatch]
# directory = {vendor}
"""


def write(name: str, folder: Path) -> Path:
    """Write a package of native kernels.

    Parameters
    ----------
    name : str
        Its name: an identifier of lower-case letters, digits and underscores.
    folder : pathlib.Path
        Where its folder goes.

    Returns
    -------
    pathlib.Path
        Its folder.

    Raises
    ------
    ValueError
        If it cannot have that name.
    FileExistsError, FileNotFoundError
        If there is such a folder, or no `folder`.
    """
    if not _IDENTIFIER.fullmatch(name):
        fitting = re.sub(r"\W|^(?=\d)", "_", name.lower(), flags=re.ASCII)
        raise ValueError(
            f"a package of kernels is imported by its name, and {name!r} is no identifier of "
            "lower-case letters, digits and underscores"
            + (f"; {fitting!r} would do" if fitting.strip("_") else "")
        )
    if name in _TAKEN:
        raise ValueError(
            f"{name!r} means something else to Python or Rust; take another name, "
            f"like {name + '_kernels'!r}"
        )
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder)!r} to write {name!r} into")
    package = folder / name
    sdk = get_sdk()
    try:
        package.mkdir()
    except FileExistsError:
        raise FileExistsError(f"there is a {str(package)!r} already; nothing was written") from None
    try:
        for source in sorted(_TEMPLATE.rglob("*")):
            place = source.relative_to(_TEMPLATE)
            if source.is_dir() or "__pycache__" in place.parts:
                continue
            # Under its own name it would hide files of ours.
            place = Path(".gitignore") if place == Path("gitignore") else place
            target = package / str(place).replace(_PLACEHOLDER, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            target.write_text(text.replace(_PLACEHOLDER, name), encoding="utf-8")
        config = package / ".cargo" / "config.toml"
        config.parent.mkdir()
        paths = {part: quoted(sdk / part) for part in ("kernel", "vendor")}
        config.write_text(_CONFIG.format(**paths), encoding="utf-8")
    except BaseException:
        shutil.rmtree(package, ignore_errors=True)
        raise
    return package


def run(name: str, dir: str = ".") -> int:
    """Write a package and say what to do next.

    Parameters
    ----------
    name : str
        Its name.
    dir : str
        Where its folder goes.

    Returns
    -------
    int
        The exit code.
    """
    try:
        package = write(name, Path(dir))
    except (OSError, ValueError) as error:
        print(f"new-kernel: {error}", file=sys.stderr)
        return 1
    print(f"{package}: one kernel, despike, with a reference in NumPy, a test and a benchmark")
    print(f"  pip install {_path(package)}")
    print(f"  python -m pytest {package}")
    print(f"  python {package / 'benches' / 'bench_despike.py'}")
    print(f"The kernel is in {package / 'src' / 'lib.rs'}.")
    try:
        find_cargo()
    except FileNotFoundError as error:
        print(f"Before that: {error}.", file=sys.stderr)
    return 0


def _path(package: Path) -> str:
    """Return a path that pip does not take for the name of a package."""
    return str(package) if package.is_absolute() else f"./{package.as_posix()}"


def add_parser(commands: Any) -> None:
    """Add the command to a parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "new-kernel",
        help="write a Python package with a native kernel in Rust to begin with",
        description="Write a Python package that has one native kernel, written in Rust, with a "
        "reference in NumPy, a test and a benchmark.",
    )
    parser.add_argument("name", metavar="NAME", help="its name, an identifier like my_kernels")
    parser.add_argument("--dir", default=".", help="where its folder goes (here by default)")
    parser.set_defaults(run=run)
