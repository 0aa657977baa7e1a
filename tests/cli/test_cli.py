import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import ironbatch
from ironbatch.cli import main

ROOT = Path(__file__).parents[2]


def command(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "ironbatch", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(ironbatch.__file__).parents[1]),
            **environment,
        },
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    done = command("demo", "--dir", str(folder / "files"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return done, folder / "files"


def test_the_demo_reaches_the_accuracy(demo):
    done, _ = demo
    (accuracy,) = re.findall(r"^test accuracy: (0\.\d+)$", done.stdout, re.MULTILINE)
    assert float(accuracy) >= 0.9


def test_the_demo_writes_one_file_per_digit(demo):
    _, folder = demo
    assert len(list((folder / "digits").glob("*.raw"))) == 1797


def test_the_demo_dumps_one_prediction_per_digit_of_the_test_split(demo):
    done, folder = demo
    right = 0
    predictions = list((folder / "predictions").iterdir())
    assert len(predictions) == 359
    for path in predictions:
        digit = (folder / "digits" / f"{path.stem}.raw").read_bytes()
        right += int(np.load(path) == digit[-1])
    assert f"test accuracy: {right / 359:.3f}" in done.stdout


def test_the_demo_shows_progress_rates_shares_and_places(demo):
    done, folder = demo
    assert "113/113" in done.stderr
    assert re.search(r"7190 items in [\d.]+ s, [\d,]+ items/s", done.stdout)
    for name in ("load_digits", "normalize", "train_model", "predict_model", "dump"):
        assert re.search(rf"{name} +[\d.]+% +[\d.]+ ms", done.stdout)
    assert done.stdout.count("Bottleneck: ") == 2
    assert done.stdout.count("What would help:") == 2
    assert str(folder / "predictions") in done.stdout


def test_the_demo_keeps_a_temporary_folder(tmp_path):
    done = command("demo", "--epochs", "1", cwd=tmp_path, TMPDIR=str(tmp_path))
    (folder,) = tmp_path.glob("ironbatch-demo-*")
    assert str(folder) in done.stdout
    assert len(list((folder / "digits").iterdir())) == 1797


def test_the_demo_is_the_same_for_the_same_seed(tmp_path, capsys):
    def accuracy(*options):
        folder = tmp_path / "-".join(options)
        assert main(["demo", "--dir", str(folder), "--epochs", "1", *options]) == 0
        found = re.findall("accuracy: (.*)", capsys.readouterr().out)
        names = sorted(path.name for path in (folder / "predictions").iterdir())
        return found, names

    first = accuracy("--seed", "1", "--prefetch", "0", "--batch-size", "100")
    assert first == accuracy("--seed", "1", "--prefetch", "6", "--batch-size", "100")
    assert first != accuracy("--seed", "2", "--batch-size", "100")


def test_info_says_what_there_is(capsys):
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"^ironbatch +{re.escape(ironbatch.__version__)}$", said, re.MULTILINE)
    for word in ("NumPy", "cores", "SIMD", "pool", "blosc", "parquet", "extra 'tables'"):
        assert word in said


@pytest.fixture
def versions(monkeypatch):
    """Versions of packages that are said to be installed; others are missing."""
    from importlib.metadata import PackageNotFoundError

    from ironbatch.cli import info

    installed = {}

    def version(name):
        if name not in installed:
            raise PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(info, "version", version)
    return installed


def said_of(extra, capsys):
    main(["info"])
    said = capsys.readouterr().out
    (found,) = re.findall(rf"^  {extra} +\w+ .*\n(?: {{23}}.*\n)*", said, re.MULTILINE)
    return found


def test_info_says_what_is_missing_and_how_to_get_it(versions, capsys):
    said = said_of("tables", capsys)
    assert "missing" in said
    assert "lacks pandas, pyarrow; pip install 'ironbatch[tables]'" in said
    main(["info"])
    assert "pip install 'ironbatch[all]'" in capsys.readouterr().out


def test_info_says_what_is_there(versions, capsys):
    versions |= {"pandas": "3.0.1", "pyarrow": "22.0.0"}
    said = said_of("tables", capsys)
    assert "there" in said
    assert "has pandas 3.0.1, pyarrow 22.0.0" in said
    assert "pip" not in said


def test_info_says_what_is_too_old(versions, capsys):
    versions |= {"pandas": "2.1.9", "pyarrow": "17.0.0rc1"}
    said = said_of("tables", capsys)
    assert "has pyarrow 17.0.0rc1" in said
    assert "lacks pandas>=2.2 (has 2.1.9); pip install" in said
    versions["pandas"] = "2.10"
    assert "lacks" not in said_of("tables", capsys)


def test_info_knows_every_extra_for_users():
    from ironbatch.cli.info import EXTRAS

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for_developers = {"docs", "test", "lint", "bench", "full", "all"}
    known = {name: sorted(needs) for name, (_, needs) in EXTRAS.items()}
    # A new extra needs a line in `ironbatch.cli.info`.
    assert known == {n: sorted(needs) for n, needs in extras.items() if n not in for_developers}


def test_the_module_is_a_command(tmp_path):
    done = command("info", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("ironbatch")


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_without_a_known_command_the_usage_is_shown(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "demo" in capsys.readouterr().err


def test_the_demo_without_scikit_learn_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert main(["demo", "--dir", str(tmp_path / "files")]) == 1
    assert re.match(r"demo: .*pip install 'ironbatch\[demo\]'\n$", capsys.readouterr().err)
    assert not Path(tmp_path / "files").exists()


def test_a_reader_that_leaves_early_is_no_error():
    python = f"{sys.executable} -m ironbatch info"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {python} | head -1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(ironbatch.__file__).parents[1])},
    )
    assert done.returncode == 0
    assert done.stderr == ""
