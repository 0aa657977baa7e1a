"""PNG and JPEG files decoded by the kernel `decode_image`, where it gives what Pillow does.

That is without the GIL, on all cores and straight into the component. It is left to Pillow what the
kernel refuses, and what the two understand differently: grey PNG of one bit (booleans), of 16 bits
that is converted, colours of 16 bits, and colours said to be see-through that become opacity.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ironbatch import components as columns
from ironbatch.errors import FormatError
from ironbatch.formats.native import BYTES, probe, read_ragged
from ironbatch.formats.staging import fetched

if TYPE_CHECKING:
    from ironbatch.kernels import BoundKernel

__all__ = ["decode_file", "decode_files"]

_MODES = (None, "L", "LA", "RGB", "RGBA")
_SUFFIXES = {".png": "PNG"} | dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG")
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
#: Bytes of a file that say of which kind it is.
_HEAD = 26
#: Most bytes of a file besides its pixels.
_BESIDES = 1 << 16


def decode_files(
    paths: Sequence[str],
    ids: Sequence[Hashable],
    name: str,
    *,
    mode: str | None,
    max_bytes: int,
    strict: bool,
) -> columns.Component | None:
    """Read and decode files of pictures that make one component.

    Parameters
    ----------
    paths : sequence of str
        The files.
    ids : sequence
        Ids of the items.
    name : str
        The component's name.
    mode : str or None
        What Pillow calls that to which pictures are converted.
    max_bytes : int
        Most memory for one picture.
    strict : bool
        Whether a file has to be of the kind that its name says.

    Returns
    -------
    component or None
        None if a file cannot be read, is refused, or not of the kinds that are decoded here as
        Pillow does; it is left to those who go on to find which one, and why.

    Raises
    ------
    OSError
        If the file of a URL cannot be fetched.
    """
    from ironbatch.kernels.failure import KernelFailure

    if mode not in _MODES or not paths:
        return None
    if not all(Path(path).suffix.lower() in _SUFFIXES for path in paths):
        return None
    paths = fetched(paths, ids)
    try:
        declared = probe(paths, "raw", None, max_bytes + _BESIDES, ids)
        declared = [[one._replace(kind=BYTES) for one in each] for each in declared]
        (files,) = read_ragged(paths, "raw", declared, max_bytes + _BESIDES, ids)
    except (FormatError, OSError):
        return None
    data = memoryview(files.data)
    for path, start in zip(paths, files.offsets.tolist(), strict=False):
        if not _is_alike(bytes(data[start : start + _HEAD]), path, mode, strict):
            return None
    try:
        made: Any = _decoder(mode, max_bytes).run_batch(files, name=name)
    except KernelFailure:
        return None
    return made  # type: ignore[no-any-return]


def decode_file(
    path: Path, *, mode: str | None, max_bytes: int, strict: bool
) -> NDArray[Any] | None:
    """Read and decode one file; None where `decode_files` gives None."""
    if mode not in _MODES or path.suffix.lower() not in _SUFFIXES:
        return None
    if path.stat().st_size > max_bytes + _BESIDES:
        return None
    file = path.read_bytes()
    if not _is_alike(file[:_HEAD], path, mode, strict):
        return None
    try:
        made: NDArray[Any] = _decoder(mode, max_bytes)(file)
    except (ValueError, RuntimeError):
        return None
    return made


@lru_cache(maxsize=16)
def _decoder(mode: str | None, max_bytes: int) -> BoundKernel:
    from ironbatch import kernels

    return kernels.decode_image.bind(mode=mode, max_bytes=min(max_bytes, 2**63 - 1))


def _is_alike(head: bytes, path: str | Path, mode: str | None, strict: bool) -> bool:
    """Tell whether the kernel makes of a file what Pillow does."""
    kind = "PNG" if head.startswith(_PNG) else "JPEG" if head.startswith(_JPEG) else None
    if kind is None or (strict and _SUFFIXES[Path(path).suffix.lower()] != kind):
        return False
    if kind == "JPEG":
        return True
    if len(head) < _HEAD:
        return False
    depth, colour = head[24], head[25]
    grey, rgb = colour == 0, colour == 2
    if mode is None:
        return (depth != 1 or not grey) and (depth != 16 or grey)
    if mode in ("LA", "RGBA") and (grey or rgb):
        return False
    return depth != 16 or not grey
