"""Files of models: a whole file or none, and errors that name it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["existing", "written_whole"]


@contextmanager
def written_whole(path: Any) -> Iterator[Path]:
    """Give the path of a temporary file beside `path`, which takes its place at the end.

    What was saved before stays until then, so a program that is killed while it saves loses
    nothing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def existing(path: Any, model: object) -> Path:
    """Give the path of a file that exists.

    Raises
    ------
    FileNotFoundError
        If it does not; the message names the model and the file.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{model!r} cannot be loaded: there is no file {str(path)!r}")
    return file
