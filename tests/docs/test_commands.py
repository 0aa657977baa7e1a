"""The page that begins with commands: each of its blocks runs in order, as for a reader.

A ``console`` block is commands, a block with a title the file of that name, a ``python`` block
a program of its own. pip installs into a folder of the test, with nothing from a network.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ironbatch

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "write-a-kernel.md"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
VENDORED = (ironbatch.get_sdk() / "vendor").is_dir()
"""Whether the SDK has the crates that it needs; that of a checkout has not."""

# It waits for cargo.
pytestmark = pytest.mark.timeout(900)


class Reader:
    """Somebody who does what the page says, in an empty folder."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.site = folder / "site"
        self.cargo = folder / "cargo"
        for made in (self.home, self.site, self.cargo):
            made.mkdir()
        paths = (self.site, Path(ironbatch.__file__).parents[1], os.environ.get("PYTHONPATH", ""))
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            # The reader has more time.
            "CARGO_PROFILE_RELEASE_LTO": "off",
            "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
        }
        if VENDORED:
            self.environment |= {"CARGO_HOME": str(self.cargo), "CARGO_NET_OFFLINE": "true"}

    def run(self, *command):
        return subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def command(self, line):
        match shlex.split(line):
            case ["python", *rest]:
                return self.run(*rest)
            case ["pip", "install", package]:
                apart = ("--no-build-isolation", "--no-index", "--no-deps", "--upgrade")
                return self.run("-m", "pip", "install", *apart, "--target", self.site, package)
        raise AssertionError(f"{line!r} is no command that the page may have")

    def read(self, page):
        for kind, title, text in BLOCK.findall(page.read_text()):
            if title:
                file = self.home / title
                assert file.exists(), f"{title} is not there to be changed"
                file.write_text(text)
            elif kind == "python":
                yield text, self.run("-W", "error", "-c", text)
            elif kind == "console":
                for line in text.splitlines():
                    yield line, self.command(line)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Somebody who has read the page to its end."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed: no kernel can be compiled")
    folder = tmp_path_factory.mktemp("reader")
    reader = Reader(folder)
    for step, done in reader.read(PAGE):
        output = done.stdout + done.stderr
        if done.returncode != 0 and not VENDORED and "download" in output:
            pytest.skip("the crates that kernels need cannot be fetched")
        assert done.returncode == 0, f"{step}\n{output}"
    yield reader
    shutil.rmtree(folder, ignore_errors=True)  # what cargo has built is large


def test_a_reader_gets_a_kernel_from_nothing(reader):
    done = reader.run("-c", "import my_kernels; print(my_kernels.limit_slope)")
    assert "limit_slope" in done.stdout


def test_the_library_does_not_know_of_python(reader):
    (library,) = (reader.site / "my_kernels").glob("_kernels.*")
    content = library.read_bytes()
    assert b"libpython" not in content
    assert b"PyObject" not in content


def test_one_wheel_is_for_every_python(reader):
    (wheel,) = reader.site.glob("my_kernels-*.dist-info/WHEEL")
    assert "Tag: cp311-abi3-" in wheel.read_text()


@pytest.mark.skipif(not VENDORED, reason="the SDK of a checkout has no crates with it")
def test_nothing_was_fetched(reader):
    assert not (reader.cargo / "registry").exists()


def test_a_package_that_was_not_compiled_says_so(reader):
    source = reader.home / "my_kernels" / "python"
    done = reader.run("-c", f"import sys; sys.path.insert(0, {str(source)!r}); import my_kernels")
    assert "ImportError: there is no library" in done.stderr
    assert "has the package that it belongs to been installed?" in done.stderr


def test_without_cargo_the_build_says_where_to_get_it(reader):
    reader.environment = {**reader.environment, "PATH": str(reader.home)}
    done = reader.command("pip install ./my_kernels")
    assert done.returncode != 0
    assert "cargo was not found on PATH" in done.stdout + done.stderr
    assert "https://rustup.rs" in done.stdout + done.stderr
