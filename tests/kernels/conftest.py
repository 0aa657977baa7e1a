"""The fixture crate, built once with plain cargo."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ironbatch.kernels import load_kernels

ROOT = Path(__file__).parents[2]
CRATE = ROOT / "tests" / "fixtures" / "kernels"
_NAMES = {"win32": "fixture_kernels.dll", "darwin": "libfixture_kernels.dylib"}


@pytest.fixture(scope="session")
def library_path(tmp_path_factory):
    """Path of the built fixture library."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("cargo is not installed: the fixture kernels cannot be built")
    folder = tmp_path_factory.mktemp("fixture-kernels")
    # A copy, so that the build leaves nothing behind in the repository.
    crate = folder / "crate"
    shutil.copytree(CRATE, crate, ignore=shutil.ignore_patterns("target", "Cargo.lock"))
    manifest = crate / "Cargo.toml"
    sdk = (ROOT / "rust" / "kernel").as_posix()
    manifest.write_text(manifest.read_text().replace("../../../rust/kernel", sdk))
    # The workspace's lock file names versions that its own build has fetched.
    shutil.copy(ROOT / "Cargo.lock", crate / "Cargo.lock")
    target = os.environ.get("IRONBATCH_FIXTURE_TARGET", str(folder / "target"))
    command = [cargo, "build", "--quiet", "--manifest-path", str(manifest)]
    built = None
    for extra in (["--offline"], []):
        built = subprocess.run(
            [*command, *extra],
            env={**os.environ, "CARGO_TARGET_DIR": target},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if built.returncode == 0:
            break
    else:
        if "failed to download" in built.stderr or "Could not resolve" in built.stderr:
            pytest.skip("the crates that the fixture kernels need cannot be fetched")
        pytest.fail(f"the fixture crate does not build:\n{built.stderr}")
    return Path(target) / "debug" / _NAMES.get(sys.platform, "libfixture_kernels.so")


@pytest.fixture(scope="session")
def fixture_kernels(library_path):
    """Kernels of the fixture library."""
    return load_kernels(library_path, module="fixture_kernels")
