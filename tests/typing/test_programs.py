"""Programs of users run; whether they are typed as they say, `make lint` checks.

Where an error is expected a comment says which one; mypy in its strict mode refuses comments that
hide nothing.
"""

import runpy
import tomllib
from pathlib import Path

import pytest

import ironbatch
from ironbatch import Batch, Dataset, Pipeline, action
from ironbatch.pipeline import adds

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(Path(__file__).with_name("programs").glob("*.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_runs(program):
    runpy.run_path(str(program))


def test_lint_checks_the_programs():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert "tests/typing/programs" in settings["files"]
    assert settings["strict"]


def test_the_package_says_that_it_is_typed():
    assert (Path(ironbatch.__file__).parent / "py.typed").is_file()


class Scans(Batch):
    components = "images"

    @action
    def scale(self, factor):
        """Make larger."""
        self.images = self.images * factor
        return self


class ScansPipeline(Pipeline[Scans]):
    scale = adds(Scans.scale)
    larger = adds(Scans.scale)


def test_an_action_that_is_named_is_added_as_any_other():
    dataset = Dataset(2, Scans, preloaded=([1.0, 2.0],))
    named = ScansPipeline(dataset).scale(2).scale(factor=3)
    assert type(named) is ScansPipeline
    assert named.next_batch(2).images.tolist() == [6, 12]
    assert repr(named) == repr(ScansPipeline(dataset).larger(2).larger(factor=3))
    assert [step.name for step in named.steps] == ["scale", "scale"]
    assert ScansPipeline.scale.__doc__ == "Make larger."


def test_an_action_that_the_class_of_batches_lacks_is_refused():
    with pytest.raises(AttributeError, match="scale"):
        ScansPipeline(Dataset(2)).scale(2)


def test_adds_takes_actions_only():
    with pytest.raises(TypeError, match=r"adds takes an action, .* got 'scale'"):
        adds("scale")


def test_classes_can_be_told_of_which_batches_they_are():
    assert Pipeline[Scans]().steps == ()
    assert len(Dataset[Scans](3, Scans)) == 3
