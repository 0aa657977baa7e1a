"""``python -m ironbatch new-kernel``: what it writes, and what it refuses."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ironbatch
from ironbatch import get_sdk
from ironbatch.cli import main
from ironbatch.kernels import cargo_arguments

needs_cargo = pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder in which the command is given."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(capsys, *arguments):
    """What the command says when it refuses; the code is 1."""
    assert main(["new-kernel", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_it_writes_a_package_and_says_what_comes_next(home, capsys):
    assert main(["new-kernel", "denoise"]) == 0
    out = capsys.readouterr().out
    assert "pip install ./denoise\n" in out
    assert "python -m pytest denoise\n" in out
    files = {str(path.relative_to(home / "denoise")) for path in (home / "denoise").rglob("*.*")}
    assert {
        ".gitignore",
        "Cargo.toml",
        "pyproject.toml",
        "src/lib.rs",
        "python/denoise/__init__.py",
        "python/denoise/reference.py",
        "tests/test_despike.py",
        "benches/bench_despike.py",
    } <= files


def test_the_name_stands_everywhere(home):
    main(["new-kernel", "denoise"])
    texts = [path.read_text() for path in Path("denoise").rglob("*") if path.is_file()]
    assert not any("my_kernels" in text for text in texts)
    assert tomllib.loads(Path("denoise/Cargo.toml").read_text())["package"]["name"] == "denoise"
    assert tomllib.loads(Path("denoise/pyproject.toml").read_text())["project"]["name"] == "denoise"


def test_cargo_is_told_where_the_sdk_is(home):
    main(["new-kernel", "denoise"])
    config = tomllib.loads(Path("denoise/.cargo/config.toml").read_text())
    path = config["patch"]["crates-io"]["ironbatch-kernel"]["path"]
    assert Path(path) == get_sdk() / "kernel"


def test_it_goes_into_another_folder(home, capsys):
    Path("sub").mkdir()
    assert main(["new-kernel", "denoise", "--dir", "sub"]) == 0
    assert "pip install ./sub/denoise\n" in capsys.readouterr().out
    assert Path("sub/denoise/src/lib.rs").is_file()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my-kernels", "'my-kernels' is no identifier.*'my_kernels' would do"),
        ("2d", "'2d' is no identifier.*'_2d' would do"),
        ("Denoise", "'Denoise' is no identifier of lower-case letters.*'denoise' would do"),
        ("a/b", "'a/b' is no identifier.*'a_b' would do"),
        ("", "'' is no identifier"),
        ("größe", "'größe' is no identifier"),
        ("lambda", "'lambda' means something else.*'lambda_kernels'"),
        ("struct", "'struct' means something else"),
        ("json", "'json' means something else"),
        ("ndarray", "'ndarray' means something else"),
        ("ironbatch", "'ironbatch' means something else"),
    ],
)
def test_a_name_that_a_package_cannot_have(home, capsys, name, said):
    err = refusal(capsys, name)
    assert re.search(said, err), err
    assert list(home.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(home, capsys):
    Path("denoise").mkdir()
    Path("denoise/mine.txt").write_text("mine")
    assert "there is a 'denoise' already; nothing was written" in refusal(capsys, "denoise")
    assert [path.name for path in Path("denoise").iterdir()] == ["mine.txt"]


def test_a_file_of_that_name_is_left_alone(home, capsys):
    Path("denoise").write_text("mine")
    assert "there is a 'denoise' already" in refusal(capsys, "denoise")
    assert Path("denoise").read_text() == "mine"


def test_a_folder_that_is_missing(home, capsys):
    assert "there is no folder 'no'" in refusal(capsys, "denoise", "--dir", "no")


def test_without_cargo_it_says_where_to_get_it(home, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(home))
    monkeypatch.delenv("CARGO", raising=False)
    assert main(["new-kernel", "denoise"]) == 0
    assert "cargo was not found on PATH" in (err := capsys.readouterr().err)
    assert "https://rustup.rs" in err
    with pytest.raises(FileNotFoundError, match=r"cargo was not found.*https://rustup\.rs"):
        cargo_arguments("denoise")


SETUP = """
import json, runpy, sys, setuptools
for name in sys.argv[1:]:
    sys.modules[name] = None
setuptools.setup = lambda **arguments: print(json.dumps(arguments["setup_requires"]))
runpy.run_path("setup.py")
"""


def set_up(*missing):
    """Run the package's setup.py where some modules are missing; what it asks for, and errors."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP, *missing],
        cwd="denoise",
        env={**os.environ, "PYTHONPATH": str(Path(ironbatch.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip(), done.stderr


@needs_cargo
def test_built_apart_it_needs_ironbatch_only_where_it_was_not_begun(home):
    main(["new-kernel", "denoise"])
    assert set_up() == ("[]", "")
    assert set_up("ironbatch") == ("[]", "")
    Path("denoise/.cargo/config.toml").unlink()
    assert set_up("ironbatch") == ('["ironbatch"]', "")


def test_a_missing_build_tool_is_named(home):
    main(["new-kernel", "denoise"])
    out, err = set_up("setuptools_rust")
    assert out == ""
    assert "setuptools-rust is missing: pip install 'ironbatch[kernels]'" in err
    assert "Traceback" not in err


@needs_cargo
def test_cargo_takes_what_the_sdk_needs_from_the_sdk(home):
    main(["new-kernel", "denoise"])
    arguments = cargo_arguments("denoise")
    kernel, vendor = (get_sdk() / name for name in ("kernel", "vendor"))
    assert f'patch.crates-io.ironbatch-kernel.path="{kernel}"' in arguments
    assert ("--offline" in arguments) == vendor.is_dir()
    assert (f'source.ironbatch.directory="{vendor}"' in arguments) == vendor.is_dir()


@needs_cargo
def test_crates_that_the_sdk_does_not_have_come_from_where_they_are(home):
    main(["new-kernel", "denoise"])
    manifest = Path("denoise/Cargo.toml")
    wanted = '[dependencies]\nno-such-crate-in-the-sdk = "1"\n'
    manifest.write_text(manifest.read_text().replace("[dependencies]\n", wanted))
    arguments = cargo_arguments("denoise")
    assert arguments[0] == "--config"
    assert arguments[1].startswith("patch.crates-io.ironbatch-kernel.path=")
    assert len(arguments) == 2


def test_the_sdk_has_both_crates():
    sdk = get_sdk()
    names = [
        tomllib.loads((sdk / folder / "Cargo.toml").read_text())["package"]["name"]
        for folder in ("kernel", "kernel-macros")
    ]
    assert names == ["ironbatch-kernel", "ironbatch-kernel-macros"]
