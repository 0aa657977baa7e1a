"""Files of models: a whole file or none, and errors that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ironbatch.formats.atomic import replacing

__all__ = ["existing", "written_whole"]


@contextmanager
def written_whole(path: Any) -> Iterator[Path]:
    """Give the path of a temporary file that takes the place of `path` at the end.

    What was saved before stays until then, so a program that is killed while it saves loses
    nothing. Folders that are missing are made.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        yield part


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
