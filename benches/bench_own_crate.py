"""A user's kernel in its own crate beside the same kernel built in: instructions, exactly counted.

The crate is what ``python -m ironbatch new-kernel`` writes, with the sources of some built-in
kernels in place of its own. Valgrind's callgrind counts, so what else the machine does is of no
account.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benches.row import Measured, Row
from ironbatch.cli.new_kernel import write
from ironbatch.kernels import cargo_arguments

KERNELS: dict[str, dict[str, Any]] = {
    "invert": {},
    "clip": {"low": 10, "high": 200},
    "scale_shift": {"scale": 1 / 255, "shift": -0.5, "dtype": "float32"},
    "standardize": {"mean": [120.0, 121.0, 122.0], "std": [60.0, 61.0, 62.0], "channels": "first"},
}
SOURCES = Path(__file__).parents[1] / "rust" / "core" / "src" / "kernels"
# What these are made with: modules of the kernels, and of the crate around them.
SHARED = ("channels", "moving", "runs", "single")
AROUND = ("instructions.rs", "strided.rs", "shuffling")
_LIBRARY = """
mod instructions;
mod kernels;
mod shuffling;
mod strided;

#[derive(Debug)]
pub enum Error {{
    Value(String),
}}

impl std::fmt::Display for Error {{
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{
        let Self::Value(text) = self;
        formatter.write_str(text)
    }}
}}

pub type Result<T> = std::result::Result<T, Error>;

ironbatch_kernel::table![{table}];
"""
N_ITEMS = 64
CALLS = (2, 22)

_RUN = f"""
import json, sys
import numpy as np
from ironbatch import kernels

library, bound, calls = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
source = kernels.load_kernels(library) if library else kernels
x = np.random.default_rng(0).integers(0, 256, ({N_ITEMS}, 64, 64, 3), dtype=np.uint8)
for name, parameters in bound.items():
    kernel = getattr(source, name).bind(**parameters)
    for _ in range(calls[name]):
        kernel.run_batch(x, n_workers=1)
"""
_COUNT = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
# Threads that wait spin as long as it takes, and the order of sets is a matter of hashes.
_STEADY = {"IRONBATCH_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


@contextmanager
def own_crate() -> Iterator[Path]:
    """Compile the kernels in a crate of their own, as a user does; give the library's path."""
    with tempfile.TemporaryDirectory(prefix="ironbatch-bench-") as folder:
        crate = write("own_crate", Path(folder))
        modules = crate / "src" / "kernels"
        modules.mkdir()
        # What the kernels share stands above the list of them, which a build script writes.
        shared = (SOURCES / "mod.rs").read_text(encoding="utf-8")
        shared = re.sub(r"^(pub(\(crate\))? )?mod \w+;\n", "", shared, flags=re.MULTILINE)
        listed = "".join(f"pub mod {name};\n" for name in (*KERNELS, *SHARED))
        shared, replaced = re.subn(r"^include!\(.*\n", listed, shared, flags=re.MULTILINE)
        if replaced != 1:
            raise RuntimeError("the list of the built-in kernels has moved: adapt this benchmark")
        (modules / "mod.rs").write_text(shared, encoding="utf-8")
        for name in KERNELS:
            shutil.copy(SOURCES / f"{name}.rs", modules)
        for name in SHARED:
            shutil.copytree(SOURCES / name, modules / name)
        for name in AROUND:
            source = SOURCES.parent / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, crate / "src" / name)
        table = ", ".join(f"kernels::{name}::{name}" for name in KERNELS)
        text = _LIBRARY.format(table=table)
        (crate / "src" / "lib.rs").write_text(text, encoding="utf-8")
        subprocess.run(
            ["cargo", "build", "--release", "--quiet", *cargo_arguments(crate)],
            cwd=crate,
            env={**os.environ, "CARGO_TARGET_DIR": str(crate / "target")},
            check=True,
        )
        names = {"win32": "own_crate.dll", "darwin": "libown_crate.dylib"}
        yield crate / "target" / "release" / names.get(sys.platform, "libown_crate.so")


def instructions(library: Path | None) -> dict[str, float]:
    """Count the instructions of an item, by kernel: of many calls less those of few."""
    few, many = CALLS
    base = _count(library, dict.fromkeys(KERNELS, few))
    per_item = {}
    for name in KERNELS:
        more = _count(library, dict.fromkeys(KERNELS, few) | {name: many})
        per_item[name] = (more - base) / (many - few) / N_ITEMS
    return per_item


def _count(library: Path | None, calls: dict[str, int]) -> int:
    arguments = [str(library or ""), json.dumps(KERNELS), json.dumps(calls)]
    done = subprocess.run(
        [*_COUNT, sys.executable, "-c", _RUN, *arguments],
        env={**os.environ, **_STEADY},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise RuntimeError(f"callgrind failed:\n{done.stderr}")
    return int(found[1])


def beside_built_in() -> Measured:
    """Compare the kernels: the median of their ratios, the least and the most."""
    if shutil.which("valgrind") is None:
        raise RuntimeError("valgrind is not installed: it counts the instructions of this row")
    with own_crate() as library:
        own, built_in = instructions(library), instructions(None)
    for name in KERNELS:
        text = f"{name}: {own[name]:,.0f} instructions an item, {built_in[name]:,.0f} built in"
        print(text, file=sys.stderr)
    ratios = [own[name] / built_in[name] for name in KERNELS]
    return Measured(statistics.median(ratios), min(ratios), max(ratios))


ROWS = [
    Row(
        "own crate",
        "instructions an item of kernels in a user's crate (callgrind; least to most)",
        1.03,
        "lower",
        "x",
        "the same kernels built in",
        beside_built_in,
    )
]
