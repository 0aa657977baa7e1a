"""``import batchflow`` and its submodules find what is here."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from ironbatch.compat import install_as_batchflow, is_installed

Run = Callable[..., "subprocess.CompletedProcess[str]"]

INSTALL = "from ironbatch.compat import install_as_batchflow; install_as_batchflow()\n"

#: Modules of BatchFlow's release 0.10.1 and what projects import from them.
IMPORTED = {
    "batchflow": (
        "Baseset Batch ImagesBatch Config Dataset Pipeline Notifier notifier NamedExpression B L C "
        "F V M D R W P PP I eval_expr DatasetIndex FilesIndex action any_action_failed mjit "
        "deprecated apply_parallel inbatch_parallel parallel IF SkipBatchException "
        "EmptyBatchSequence StopPipeline BA Sampler ConstantSampler NumpySampler HistoSampler "
        "ScipySampler save_data_to read_data_from make_rng make_seed_sequence spawn_seed_sequence "
        "Normalizer Quantizer try_import make_delayed_import Monitor CPUMonitor __version__"
    ),
    "batchflow.base": "Baseset",
    "batchflow.batch": "Batch MethodsTransformingMeta",
    "batchflow.batch_image": "ImagesBatch",
    "batchflow.components": "BaseComponents create_item_class AdvancedDict",
    "batchflow.config": "Config",
    "batchflow.dataset": "Dataset",
    "batchflow.decorators": (
        "action any_action_failed apply_parallel deprecated inbatch_parallel make_function mjit "
        "parallel"
    ),
    "batchflow.dsindex": "DatasetIndex FilesIndex",
    "batchflow.exceptions": (
        "BatchFlowException SkipBatchException StopPipeline EmptyBatchSequence"
    ),
    "batchflow.model_dir": "ModelDirectory",
    "batchflow.models": "BaseModel",
    "batchflow.models.base": "BaseModel",
    "batchflow.models.metrics": "Metrics",
    "batchflow.monitor": "ResourceMonitor RSSMonitor",
    "batchflow.named_expr": "B V R P _DummyBatch IF NamedExpression eval_expr",
    "batchflow.notifier": "Notifier",
    "batchflow.once_pipeline": "OncePipeline",
    "batchflow.pipeline": "Pipeline",
    "batchflow.sampler": "Sampler NumpySampler",
    "batchflow.utils": "save_data_to read_data_from is_iterable to_list partialmethod copy1",
    "batchflow.utils_import": "try_import make_delayed_import DelayedImport MissingImport",
    "batchflow.utils_random": "make_rng make_seed_sequence spawn_seed_sequence",
    "batchflow.utils_transforms": "Normalizer Quantizer",
    "batchflow.variables": "Variable VariableDirectory",
}


def test_modules_and_their_names(run_python: Run) -> None:
    lines = [
        f"from {module} import {', '.join(names.split())}" for module, names in IMPORTED.items()
    ]
    run_python("-W", "error", "-c", INSTALL + "\n".join(lines))


def test_modules_are_ordinary_ones(run_python: Run) -> None:
    code = """
    import importlib, pickle, sys
    import batchflow, batchflow.notifier
    assert callable(batchflow.notifier)
    assert sys.modules["batchflow.notifier"].Notifier is batchflow.Notifier
    assert batchflow.decorators.inbatch_parallel is batchflow.inbatch_parallel
    named = importlib.import_module("batchflow.named_expr")
    assert named.__spec__.name == named.__name__ == "batchflow.named_expr"
    assert named.__package__ == "batchflow" and batchflow.__package__ == "batchflow"
    assert importlib.reload(named) is named
    names = {}
    exec("from batchflow import *", names)
    assert names["Dataset"] is batchflow.Dataset and "IF" in names
    assert "Batch" in dir(batchflow)
    assert pickle.loads(b"cbatchflow.batch\\nBatch\\n.") is batchflow.Batch
    assert not hasattr(batchflow, "nonsense")
    """
    run_python("-W", "error", "-c", INSTALL + "\n".join(x.strip() for x in code.splitlines()))


ABSENT = (
    ("import batchflow.research", "does not provide 'batchflow.research'; use .*Optuna"),
    ("from batchflow.opensets import MNIST", "'batchflow.opensets'; use torchvision"),
    ("from batchflow.plotter.plot import Subplot", "'batchflow.plotter'; use matplotlib"),
    ("from batchflow import plot", "'batchflow.plot'; use matplotlib"),
    ("from batchflow.models.torch import UNet", r"torch.UNet'; use a torch.nn.Module"),
    ("import batchflow.models.torch.layers", r"torch.layers'; use a torch.nn.Module"),
    ("from batchflow.models.metrics import Loss", "'batchflow.models.metrics.Loss'; use"),
    ("import batchflow; batchflow.TelegramMessage", "TelegramMessage'; use a callable"),
    ("import batchflow.nonsense", "No module named 'batchflow.nonsense'"),
    ("from batchflow import nonsense", "cannot import name 'nonsense'"),
)


def test_what_is_not_provided_says_what_to_use(run_python: Run) -> None:
    code = (
        "for statement in sys.argv[1:]:\n"
        "    try:\n        exec(statement)\n"
        "    except ImportError as error:\n        print(error)\n"
    )
    statements = [statement for statement, _ in ABSENT]

    said = run_python("-c", f"import sys\n{INSTALL}{code}", *statements).stdout.splitlines()

    for (statement, message), line in zip(ABSENT, said, strict=True):
        assert re.search(message, line), f"{statement}: {line}"


def test_missing_later_fails_at_the_first_use(run_python: Run) -> None:
    code = """
    from ironbatch.compat import install_as_batchflow
    install_as_batchflow(missing="later")
    from batchflow.models.torch import TorchModel, UNet
    from batchflow.research import Research
    from batchflow import plot
    class Net(UNet):
        depth = 3
    try:
        Net()
    except ImportError as error:
        assert error.name == "batchflow.models.torch.UNet", error.name
        print(error)
    try:
        Research.load
    except ImportError:
        print("second")
    """
    done = run_python("-c", "\n".join(line[4:] for line in code.splitlines()))

    assert "batchflow.models.torch.UNet" in done.stdout
    assert "second" in done.stdout


def test_twice_is_once(run_python: Run) -> None:
    code = "import batchflow\ninstall_as_batchflow()\nimport batchflow as again\nimport sys\n"
    code += "assert again is batchflow\n"
    code += "names = [type(f).__name__ for f in sys.meta_path]; assert names.count('_Finder') == 1"
    run_python("-c", INSTALL + code)


@pytest.mark.skipif(
    find_spec("batchflow") is None, reason="needs batchflow; pip install 'ironbatch[bench]'"
)
def test_batchflow_that_is_imported_already(run_python: Run) -> None:
    done = run_python("-W", "ignore", "-c", "import batchflow\n" + INSTALL, check=False)

    last = done.stderr.splitlines()[-1]
    assert last.startswith("RuntimeError: 'batchflow' is imported already, from ")
    assert "call install_as_batchflow() before the first import" in last
    assert "python -m ironbatch.compat script.py" in last


def test_another_package_of_the_name(run_python: Run) -> None:
    code = "import sys, types\nsys.modules['batchflow.dataset'] = types.ModuleType('batchflow')\n"
    done = run_python("-c", code + INSTALL, check=False)

    assert "RuntimeError: 'batchflow.dataset' is imported already" in done.stderr


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="missing must be 'raise' or 'later', got 'never'"):
        install_as_batchflow(missing="never")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="name must be that of a package, got 'a-b'"):
        install_as_batchflow("a-b")
    assert not is_installed("a-b")


def test_project_that_holds_batchflow_inside(run_python: Run, tmp_path: Path) -> None:
    package = tmp_path / "heart"
    package.mkdir()
    (package / "__init__.py").write_text("from . import batchflow\nfrom .batch import Beats\n")
    (package / "batch.py").write_text(
        "from .batchflow import Batch\n"
        "from .batchflow.batchflow.batch import MethodsTransformingMeta\n"
        "class Beats(Batch):\n    components = 'signal',\n"
        "assert type(Beats) is MethodsTransformingMeta\n"
    )
    code = "import sys; sys.path.insert(0, '.')\n" + INSTALL.replace(
        "install_as_batchflow()", "install_as_batchflow('heart.batchflow')"
    )
    run_python("-c", code + "import heart\nassert len(heart.Beats(3)) == 3")


def test_worker_processes_follow(run_python: Run, tmp_path: Path) -> None:
    (tmp_path / "numbers_project.py").write_text(
        "import os\n"
        "from batchflow import Batch, apply_parallel\n"
        "class Numbers(Batch):\n"
        "    components = 'values', 'places'\n"
        "    @apply_parallel(src='values', dst=('values', 'places'), target='mpc')\n"
        "    def double(self, value, src=None, dst=None):\n"
        "        return 2 * value, os.getpid()\n"
    )
    code = (
        "import os, sys; sys.path.insert(0, '.')\n"
        "import numpy as np, numbers_project\n"
        "batch = numbers_project.Numbers(4)\n"
        "batch.values = np.arange(4)\n"
        "batch.double()\n"
        "assert batch.values.tolist() == [0, 2, 4, 6]\n"
        "assert os.getpid() not in batch.places.tolist()\n"
    )
    run_python("-c", INSTALL + code)


def test_script_as_it_is(run_python: Run, tmp_path: Path) -> None:
    script = tmp_path / "folder" / "train.py"
    script.parent.mkdir()
    (script.parent / "beside.py").write_text("from batchflow import Dataset\n")
    script.write_text(
        "import sys\nfrom beside import Dataset\n"
        "if __name__ == '__main__':\n    print(len(Dataset(3)), sys.argv[1:])\n"
    )

    assert run_python("-m", "ironbatch.compat", str(script), "--epochs", "2").stdout == (
        "3 ['--epochs', '2']\n"
    )
    assert run_python("-m", "ironbatch.compat", "-m", "scans").stdout.startswith("{")
    refused = run_python("-m", "ironbatch.compat", check=False)
    assert "usage: python -m ironbatch.compat" in refused.stderr
    refused = run_python("-m", "ironbatch.compat", "none.py", check=False)
    assert refused.stderr.startswith("there is no script 'none.py'\nusage: ")


def test_script_that_imports_what_is_not_provided(run_python: Run, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("from batchflow.models.torch import UNet\nprint('imported')\n")

    assert "does not provide" in run_python(
        "-m", "ironbatch.compat", str(script), check=False
    ).stderr  # fmt: skip
    assert run_python("-m", "ironbatch.compat", "--later", str(script)).stdout == "imported\n"
