"""Programs that import batchflow run in processes of their own: this one has no such package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INSTALL = "from ironbatch.compat import install_as_batchflow; install_as_batchflow()\n"

Runner = Callable[..., "subprocess.CompletedProcess[str]"]


def run_in(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Python with the package and the projects importable."""
    import ironbatch

    paths = [str(Path(ironbatch.__file__).parents[1]), str(HERE / "projects")]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if check and done.returncode:
        pytest.fail(done.stderr)
    return done


@pytest.fixture
def run_python(tmp_path: Path) -> Runner:
    """Give what runs Python in a folder of its own."""
    return partial(run_in, tmp_path)


@pytest.fixture(scope="session")
def run_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Give what runs a project as it is, here or with BatchFlow, and gives its output."""

    @cache
    def run(name: str, original: bool = False) -> Any:
        folder = tmp_path_factory.mktemp(name)
        arguments = repr(str(folder)) if name == "ecg" else ""
        code = f"{'' if original else INSTALL}import {name}\n{name}.main({arguments})"
        return json.loads(run_in(folder, "-c", code).stdout.splitlines()[-1])

    return run
