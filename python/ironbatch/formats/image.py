"""Format ``image``: pictures in files of their own.

Most PNG and JPEG files are read natively (`ironbatch.formats.pictures`), others by Pillow, which
writes all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ironbatch.errors import FormatError
from ironbatch.formats.items import ItemFormat
from ironbatch.formats.locations import item_paths
from ironbatch.formats.native import DEFAULT_MAX_BYTES, is_size
from ironbatch.formats.pictures import decode_file, decode_files
from ironbatch.formats.registry import register_format

if TYPE_CHECKING:
    from ironbatch.batch.batch import Batch
    from ironbatch.formats.base import ComponentNames

__all__ = ["Image"]

#: Bytes of a channel of Pillow's modes; one of those that are not here.
_CHANNEL_BYTES = {"I": 4, "F": 4, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
#: Pillow's modes that a kind of file holds and gives back, but for what JPEG, WEBP and AVIF lose to
#: save space. Other kinds that Pillow knows run programs (EPS), are no pictures (PDF), or cannot be
#: told from anything else (TGA).
_HOLDS = {
    "PNG": ("1", "L", "LA", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "RGB", "RGBA", "I;16", "I", "F"),
    "JPEG": ("L", "RGB"),
    "JPEG2000": ("L", "LA", "RGB", "RGBA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "BMP": ("1", "L", "RGB"),
    "PPM": ("1", "L", "RGB"),
    "QOI": ("RGB", "RGBA"),
    "GIF": (),
    "MPO": (),
}


@register_format("image", suffix=".png", extra="images")
class Image(ItemFormat):
    """One picture for each item and component: PNG, JPEG, and what else Pillow knows.

    Items are arrays of rows, columns and, unless grey, channels. The name of a file says its kind:
    an id such as ``cat.jpg`` is one already, others get the extension ``ext``, 'png' by default.
    """

    def components_for(self, batch: Batch, where: Any) -> ComponentNames | None:
        """Give those of a mapping, `images` if the batch has such a component, or all."""
        if isinstance(where, Mapping):
            return tuple(where)
        return ("images",) if "images" in (batch.components or ()) else None

    def places(
        self,
        batch: Batch,
        where: Any,
        components: ComponentNames,
        suffix: str | None,
        argument: str,
    ) -> dict[str | None, list[str]]:
        """Say where the files of items are: ids that end as pictures do are names of files."""
        if suffix is not None:
            return item_paths(batch, where, components, suffix=suffix, argument=argument)
        ended = item_paths(
            batch,
            where,
            components,
            suffix=self.suffix,
            keep_known=True,
            argument=argument,
        )
        if getattr(batch.index, "dirs", False):
            return ended
        bare = item_paths(batch, where, components, suffix="", keep_known=True, argument=argument)
        known = _extensions()
        return {
            name: [
                one if Path(one).suffix.lower() in known else other
                for one, other in zip(bare[name], paths, strict=True)
            ]
            for name, paths in ended.items()
        }

    def load(  # type: ignore[override]  # it names the options
        self,
        batch: Batch,
        src: Any,
        components: ComponentNames,
        *,
        ext: str | None = None,
        suffix: str | None = None,
        mode: str | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        strict: bool = True,
    ) -> dict[str | None, Any]:
        """Read components.

        PNG and JPEG files are decoded natively, on all cores, where that gives what Pillow does,
        see `ironbatch.kernels.decode_image`. Pillow reads what is left. The orientation that EXIF
        tells of is not applied.

        Parameters
        ----------
        batch, src, components : as for `Format.load`
            See `Format.load` and `ironbatch.formats.locations`.
        ext : str, optional
            Extension of the files, ``'jpg'``; `suffix` is the same with a dot.
        suffix : str, optional
            How file names end.
        mode : str, optional
            What images are converted to, by Pillow's names: 'L' for grey, 'RGB', 'RGBA'. By default
            each has the channels of its file; palettes become colours.
        max_bytes : int
            Most memory for one image. What a file declares is looked at before any is taken.
        strict : bool
            Whether a file has to be of the kind that its name says.

        Raises
        ------
        FormatError
            If a file is no image, damaged, or larger than `max_bytes`; the message names it.
        """
        return super().load(
            batch,
            src,
            components,
            suffix=_suffix(ext, suffix),
            mode=mode,
            max_bytes=is_size(max_bytes),
            strict=strict,
        )

    def dump(
        self,
        batch: Batch,
        dst: Any,
        components: ComponentNames,
        *,
        ext: str | None = None,
        suffix: str | None = None,
        fsync: bool = False,
        **options: Any,
    ) -> None:
        """Write components.

        Parameters
        ----------
        batch, dst, components : as for `Format.dump`
            See `Format.dump` and `ironbatch.formats.locations`.
        ext : str, optional
            Extension of the files, which says their kind: ``'jpg'``; `suffix` is the same with a
            dot.
        suffix : str, optional
            How file names end.
        fsync : bool
            Whether to wait until the disk has each file.
        **options
            What Pillow takes for the kind of file, such as ``quality=90`` for JPEG.

        Raises
        ------
        FormatError
            If the kind of file cannot hold such images.
        """
        super().dump(batch, dst, components, suffix=_suffix(ext, suffix), fsync=fsync, **options)

    def read_all(
        self, paths: Sequence[str], ids: Sequence[Hashable], name: str, **options: Any
    ) -> Any:
        """Read a component: at once and natively if all files allow it."""
        made = decode_files(paths, ids, name, **options)
        return super().read_all(paths, ids, name, **options) if made is None else made

    def read(  # type: ignore[override]  # it names the options
        self,
        path: Path,
        *,
        mode: str | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        strict: bool = True,
    ) -> Any:
        """Read one picture."""
        from ironbatch.images.pixels import as_array, pillow

        made = decode_file(path, mode=mode, max_bytes=max_bytes, strict=strict)
        if made is not None:
            return made

        module = pillow("format 'image'")
        extensions = _extensions()
        kinds = [kind for kind in _HOLDS if kind in module.OPEN]
        with _naming(path), path.open("rb") as file, module.open(file, formats=kinds) as picture:
            if strict:
                _check_kind(path, extensions.get(path.suffix.lower()), picture.format)
            _check_size(path, picture, mode, max_bytes)
            return as_array(picture if mode is None else picture.convert(mode))

    def write(self, path: Path, item: Any, **options: Any) -> None:
        """Write one picture; the extension says of which kind."""
        from ironbatch.images.pixels import as_pillow

        kind = _extensions().get(path.suffix.lower())
        if kind is None:
            raise FormatError(
                f"no kind of picture has the extension {path.suffix!r}: give ext= one, such as "
                "'png' or 'jpg'"
            )
        picture = as_pillow(item, what="format 'image'")
        if picture.mode not in _HOLDS[kind]:
            able = ", ".join(one for one, modes in _HOLDS.items() if picture.mode in modes)
            raise FormatError(
                f"{kind} cannot hold an image of {item.dtype} of shape {item.shape} as it is; "
                f"what can: {able}"
            )
        picture.save(path, format=kind, **options)


def _suffix(ext: str | None, suffix: str | None) -> str | None:
    if ext is None or suffix is not None:
        return suffix
    return f".{ext.removeprefix('.')}"


def _extensions() -> dict[str, str]:
    """Give the kind of picture of each extension."""
    from ironbatch.images.pixels import pillow

    found: dict[str, str] = pillow("format 'image'").registered_extensions()
    return {extension: kind for extension, kind in found.items() if kind in _HOLDS}


def _check_kind(path: Path, named: str | None, found: str) -> None:
    if named is None:
        return
    # An MPO is a JPEG with more behind it.
    if named != found.replace("MPO", "JPEG"):
        raise FormatError(
            f"{path}: its name says {named}, but it holds {found}; strict=False reads it "
            "nevertheless"
        )


def _check_size(path: Path, picture: Any, mode: str | None, max_bytes: int) -> None:
    width, height = picture.size
    channels = max(len(picture.getbands()), len(mode or ""))
    size = width * height * channels * _CHANNEL_BYTES.get(mode or picture.mode, 1)
    if size > max_bytes:
        raise FormatError(
            f"{path}: an image of {height} x {width} pixels takes {size} bytes, which is more "
            f"than max_bytes={max_bytes}"
        )


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file it is, whatever Pillow raises about what is in it."""
    try:
        yield
    except Exception as error:
        if isinstance(error, FormatError) or getattr(error, "errno", None) is not None:
            raise
        raise FormatError(f"{path}: {type(error).__name__}: {error}") from error
