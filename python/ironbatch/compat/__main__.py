"""``python -m ironbatch.compat script.py`` or ``-m module``: run it with BatchFlow's names here."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from ironbatch.compat.install import install_as_batchflow

_USAGE = "usage: python -m ironbatch.compat [--later] (script.py | -m module) [arguments]"


def main(arguments: list[str]) -> None:
    """Run a script or a module as it is.

    Parameters
    ----------
    arguments : list of str
        ``--later``, if what is not provided may be imported; the script, or ``-m`` and the module;
        and its own arguments.
    """
    later = arguments[:1] == ["--later"]
    arguments = arguments[later:]
    as_module = arguments[:1] == ["-m"]
    arguments = arguments[as_module:]
    if not arguments or arguments[0].startswith("-"):
        raise SystemExit(_USAGE)
    if not as_module and not Path(arguments[0]).exists():
        raise SystemExit(f"there is no script {arguments[0]!r}\n{_USAGE}")
    install_as_batchflow(missing="later" if later else "raise")
    sys.argv = arguments
    if as_module:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        return
    sys.path[0] = str(Path(arguments[0]).resolve().parent)
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
