"""Where the SDK is that users' kernels are compiled against, and how Cargo is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["cargo_arguments", "find_cargo", "get_sdk", "quoted"]

_INSTALLED = Path(__file__).parents[1] / "sdk"
_CHECKOUT = Path(__file__).parents[3] / "rust"


def get_sdk() -> Path:
    """Return the folder of the SDK that kernels are compiled against.

    It has the sources of the crate `ironbatch-kernel` in ``kernel``, those of its macros beside
    it, and in ``vendor`` the crates that they need. In a checkout that has only been compiled in
    place it is the checkout's ``rust``, without ``vendor``.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If this installation has none.

    Examples
    --------
    >>> (get_sdk() / 'kernel' / 'Cargo.toml').is_file()
    True
    """
    for folder in (_INSTALLED, _CHECKOUT):
        if (folder / "kernel" / "Cargo.toml").is_file():
            return folder
    raise FileNotFoundError(
        f"this installation of ironbatch has no SDK: {_INSTALLED} is missing; install it again"
    )


def quoted(path: Path) -> str:
    """Return a path as a string of TOML, which one of JSON is."""
    return json.dumps(str(path), ensure_ascii=False)


def find_cargo() -> str:
    """Return Cargo's path; raise a `FileNotFoundError` that says how to get it if it is missing."""
    cargo = shutil.which(os.environ.get("CARGO", "cargo"))
    if cargo is None:
        raise FileNotFoundError(
            "cargo was not found on PATH: kernels are written in Rust; get it from "
            "https://rustup.rs and open a new terminal"
        )
    return cargo


def cargo_arguments(crate: str | os.PathLike[str] = ".") -> list[str]:
    """Return what Cargo has to be told so that a crate of kernels finds the SDK.

    A crate that depends on `ironbatch-kernel` gets the sources that are at `get_sdk`. If it needs
    no crates but those that come with the SDK, they are taken from there, without a network.

    Parameters
    ----------
    crate : path-like
        Folder of the crate.

    Returns
    -------
    list of str
        Arguments for ``cargo build`` and the like.

    Raises
    ------
    FileNotFoundError
        If there is no Cargo, or no SDK.

    Examples
    --------
    >>> cargo_arguments('my_kernels')  # doctest: +SKIP
    ['--config', 'patch.crates-io.ironbatch-kernel.path="/usr/lib/.../ironbatch/sdk/kernel"', ...]
    """
    sdk = get_sdk()
    cargo = find_cargo()
    kernel, vendor = (quoted(sdk / name) for name in ("kernel", "vendor"))
    arguments = ["--config", f"patch.crates-io.ironbatch-kernel.path={kernel}"]
    if not (sdk / "vendor").is_dir():
        return arguments
    alone = [
        *arguments,
        *("--config", 'source.crates-io.replace-with="ironbatch"'),
        *("--config", f"source.ironbatch.directory={vendor}"),
        "--offline",
    ]
    manifest = os.fspath(Path(crate, "Cargo.toml"))
    command = [cargo, "metadata", "--format-version=1", "--manifest-path", manifest, *alone]
    resolved = subprocess.run(command, capture_output=True, check=False)
    return alone if resolved.returncode == 0 else arguments
