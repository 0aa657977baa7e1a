"""Vector instructions: chosen by ``IRONBATCH_SIMD``, and of no influence on any byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ironbatch

CHECKSUMS = Path(__file__).with_name("checksums.py")


def run(*arguments, simd=None):
    environment = {name: value for name, value in os.environ.items() if name != "IRONBATCH_SIMD"}
    environment["PYTHONPATH"] = str(Path(ironbatch.__file__).parents[1])
    if simd is not None:
        environment["IRONBATCH_SIMD"] = simd
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env=environment,
    )


def checksums(simd):
    done = run(str(CHECKSUMS), simd=simd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def report(simd=None):
    """Give the set in use, and those that there are, by the report on the installation."""
    done = run("-m", "ironbatch", "info", simd=simd)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SIMD")]
    used, rest = line.removeprefix("SIMD").split(" (IRONBATCH_SIMD: ")
    return used.strip(), rest.rstrip(")").split(", ")


def test_the_best_set_is_in_use():
    used, available = report()
    assert available[0] == "none"
    assert used == available[-1]


def test_every_set_can_be_chosen():
    _, available = report()
    for name in available:
        assert report(name)[0] == name


def test_an_empty_name_chooses_nothing():
    assert report("") == report()


def test_every_set_gives_the_same_bytes():
    _, available = report()
    expected = checksums("none")
    assert len(expected) > 100
    for name in available[1:]:
        found = checksums(name)
        assert {key for key in expected if found[key] != expected[key]} == set(), name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mmx", "'mmx' is no set of instructions: they are 'none', 'ssse3'"),
        ("AVX2", "'AVX2' is no set of instructions"),
    ],
)
def test_an_unknown_name_is_refused(name, message):
    done = run("-c", "import ironbatch", simd=name)
    assert done.returncode != 0
    assert f"ValueError: IRONBATCH_SIMD={name}: {message}" in done.stderr


def test_a_set_of_another_processor_is_refused():
    _, available = report()
    foreign = "avx2" if "neon" in available else "neon"
    done = run("-c", "import ironbatch", simd=foreign)
    assert done.returncode != 0
    assert f"this processor has no '{foreign}' instructions, only 'none'" in done.stderr
