"""What must work where there is nothing but the wheel and numpy: ``quick_start.py README.md``."""

import re
import subprocess
import sys
from importlib.metadata import distribution, distributions
from importlib.resources import files
from pathlib import Path

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python, with warnings as errors."""
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main() -> None:
    """Check the installation, then run the example of the README."""
    installed = {found.name for found in distributions()} - {"pip", "setuptools"}
    assert installed == {"ironbatch", "numpy"}, installed
    needed = [one for one in distribution("ironbatch").requires or () if "extra ==" not in one]
    assert [one.split(">=")[0] for one in needed] == ["numpy"], needed
    package = files("ironbatch")
    for name in ("py.typed", "_core.pyi", "kernels/template/setup.py", "sdk/kernel/Cargo.toml"):
        assert package.joinpath(name).is_file(), f"{name} is not in the wheel"

    examples = BLOCK.findall(Path(sys.argv[1]).read_text(encoding="utf-8"))
    assert examples, "the README has no example"
    for example in examples:
        done = run("-c", example)
        assert done.returncode == 0, done.stderr
        print(done.stdout, end="")

    done = run("-m", "ironbatch", "info")
    assert done.returncode == 0, done.stderr
    assert "pip install 'ironbatch[all]'" in done.stdout, done.stdout
    print(done.stdout, end="")

    lacking = {
        "demo": "from ironbatch.cli import main; main(['demo'])",
        "plots": "from ironbatch import ImagesBatch as B; B.from_data(data=([[[1]]],)).show()",
        "tables": "from ironbatch import Batch; Batch(2).load('nothing.csv', fmt='csv', dst='x')",
    }
    for extra, code in lacking.items():
        done = run("-c", code)
        assert f"pip install 'ironbatch[{extra}]'" in done.stderr, done.stderr
    print("what is missing is said, with the command that installs it")


if __name__ == "__main__":
    main()
