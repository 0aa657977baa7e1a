"""Compiles the kernels with Cargo; all else about the package is in pyproject.toml."""

from pathlib import Path

from setuptools import setup

try:
    from setuptools_rust import Binding, RustExtension, Strip
except ModuleNotFoundError:
    raise SystemExit(
        "setuptools-rust is missing: pip install 'ironbatch[kernels]', or leave out "
        "--no-build-isolation, and pip fetches it for this build"
    ) from None

try:
    from ironbatch.kernels import cargo_arguments
except ModuleNotFoundError:
    # pip builds in an environment of its own. Where the SDK is, stands in `.cargo/config.toml`,
    # unless this is another machine than the one that the package was begun on.
    arguments = []
    needed = [] if Path(".cargo/config.toml").exists() else ["ironbatch"]
else:
    arguments = cargo_arguments()
    needed = []

setup(
    setup_requires=needed,
    rust_extensions=[
        RustExtension(
            "my_kernels._kernels",
            binding=Binding.NoBinding,  # a plain library: it does not know of Python
            cargo_manifest_args=arguments,
            debug=False,
            strip=Strip.Debug,
        )
    ],
    # One wheel for every Python from 3.11 on.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
