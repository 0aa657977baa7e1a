"""The command line: ``python -m ironbatch`` with ``demo``, ``info`` or ``new-kernel``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its arguments; those of the process by default.

    Returns
    -------
    int
        The exit code.
    """
    from ironbatch.cli import demo, info, new_kernel
    from ironbatch.errors import MissingPackageError

    parser = argparse.ArgumentParser(
        prog="python -m ironbatch",
        description="Batches, datasets and pipelines for machine-learning data.",
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{demo,info,new-kernel}"
    )
    for module in (demo, info, new_kernel):
        module.add_parser(commands)
    arguments = parser.parse_args(argv)
    run = arguments.run
    command = arguments.command
    del arguments.run, arguments.command
    try:
        return int(run(**vars(arguments)))
    except MissingPackageError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
