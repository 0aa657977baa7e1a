"""Actions that change what pixels are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ironbatch.images import natively
from ironbatch.images.acting import ImageActions, image_action
from ironbatch.images.boxes import place_of, shape_of
from ironbatch.images.drawing import draw
from ironbatch.images.pixels import (
    as_image,
    as_pillow,
    colour,
    converted,
    dtype_range,
    number_of,
    pillow,
    through_pillow,
    whole_numbers,
)

__all__ = ["Pixels"]

_ENHANCEMENTS = {"h": "Color", "c": "Contrast", "b": "Brightness", "s": "Sharpness"}


class Pixels(ImageActions):
    """The part of `ImagesBatch` that changes colours."""

    @image_action(native=natively.invert)
    def invert(self, image: Any, channels: Any = "all") -> Any:
        """Make negatives: ``255 - x`` of bytes, ``1 - x`` of floats.

        Parameters
        ----------
        channels : 'all', int or sequence of int
            Which channels.
        """
        image = as_image(image)
        if isinstance(channels, str) and channels == "all":
            return _negative(image)
        try:
            made = (image if image.ndim == 3 else image[..., np.newaxis]).copy()
            chosen = [channels] if np.ndim(channels) == 0 else list(channels)
            made[..., chosen] = _negative(made[..., chosen])
        except (IndexError, TypeError):
            raise ValueError(
                f"channels={channels!r}: an image of shape {image.shape} has no such channels"
            ) from None
        return made.reshape(image.shape)

    @image_action(native=natively.clip)
    def clip(self, image: Any, low: Any = 0, high: Any = 255) -> Any:
        """Keep pixels within bounds.

        Parameters
        ----------
        low, high : number or sequence of numbers
            One number, or one for each channel.
        """
        image = as_image(image)
        bounds = [_for_channels(low, image, "low"), _for_channels(high, image, "high")]
        if not np.all(bounds[0] <= bounds[1]):
            raise ValueError(f"low={low!r} is above high={high!r}, or one is no number")
        if image.dtype.kind in "iu":
            least, most = dtype_range(image.dtype)
            bounds = [
                np.clip(np.ceil(bounds[0]), least, most),
                np.clip(np.floor(bounds[1]), least, most),
            ]
        return np.clip(image, bounds[0].astype(image.dtype), bounds[1].astype(image.dtype))

    @image_action(native=natively.multiply)
    def multiply(
        self, image: Any, multiplier: Any = 1.0, clip: bool = False, preserve_type: bool = True
    ) -> Any:
        """Multiply pixels.

        Parameters
        ----------
        multiplier : number or sequence of numbers
            One number, or one for each channel.
        clip : bool
            Whether floats are kept from 0 to 1; integers are kept within their dtype anyway.
        preserve_type : bool
            Whether the dtype stays; otherwise it is float32, and `clip` keeps pixels within what
            the dtype was. Items that `p` leaves as they are keep theirs.
        """
        image = as_image(image)
        factor = _for_channels(multiplier, image, "multiplier")
        return _finished(image.astype(np.float64) * factor, image, clip, preserve_type)

    @image_action(native=natively.add)
    def add(
        self, image: Any, term: Any = 1.0, clip: bool = False, preserve_type: bool = True
    ) -> Any:
        """Add to pixels.

        Parameters
        ----------
        term : number or sequence of numbers
            One number, or one for each channel.
        clip, preserve_type
            As for `multiply`.
        """
        image = as_image(image)
        number = _for_channels(term, image, "term")
        return _finished(image.astype(np.float64) + number, image, clip, preserve_type)

    @image_action(native=natively.additive_noise, draws=True)
    def additive_noise(
        self,
        image: Any,
        noise: Any,
        clip: bool = False,
        preserve_type: bool = True,
        *,
        rng: Any = None,
    ) -> Any:
        """Add noise, drawn from the item's own stream.

        Parameters
        ----------
        noise : float, BoundDistribution or callable
            The standard deviation of normal noise; a bound one of `kernels.distributions`, which is
            drawn natively; or a distribution that takes ``size=``: one of `numpy.random`, a
            `functools.partial` of one, or a function that takes ``rng=`` too.
        clip, preserve_type
            As for `multiply`.
        """
        image = as_image(image)
        drawn = _noise(noise, image, rng, 0.0)
        return _finished(image.astype(np.float64) + drawn, image, clip, preserve_type)

    @image_action(native=natively.multiplicative_noise, draws=True)
    def multiplicative_noise(
        self,
        image: Any,
        noise: Any,
        clip: bool = False,
        preserve_type: bool = True,
        *,
        rng: Any = None,
    ) -> Any:
        """Multiply by noise, drawn from the item's own stream.

        Parameters
        ----------
        noise : float, BoundDistribution or callable
            The standard deviation of normal noise around 1; or a distribution as for
            `additive_noise`.
        clip, preserve_type
            As for `multiply`.
        """
        image = as_image(image)
        drawn = _noise(noise, image, rng, 1.0)
        return _finished(image.astype(np.float64) * drawn, image, clip, preserve_type)

    @image_action(native=natively.salt, draws=True)
    def salt(
        self,
        image: Any,
        p_noise: float = 0.015,
        color: Any = 255,
        size: Any = (1, 1),
        *,
        rng: Any = None,
    ) -> Any:
        """Put grains at random places, drawn from the item's own stream.

        Parameters
        ----------
        p_noise : float
            Probability that a grain begins at a pixel.
        color : number, sequence of numbers, or callable
            One number, or one for each channel; or a function that gives it for each grain, as for
            `additive_noise` but without ``size=``.
        size : int, (int, int), or callable
            Rows and columns of a grain, or a function that gives them.
        """
        made = as_image(image).copy()
        share = number_of(p_noise, "p_noise", least=0, most=1)
        mask = rng.random(made.shape[:2]) < share
        if not callable(size):
            grain = shape_of(size, "size")
            if grain == (1, 1) and not callable(color):
                made[mask] = colour(color, made, "color")
                return made
        for row, column in np.argwhere(mask).tolist():
            if callable(size):
                grain = shape_of(draw(size, rng, "size"), "size")
            drawn = draw(color, rng, "color") if callable(color) else color
            made[row : row + grain[0], column : column + grain[1]] = colour(drawn, made, "color")
        return made

    @image_action(native=natively.cutout, draws="origin")
    def cutout(
        self, image: Any, origin: Any, shape: Any, color: Any = 0, *, rng: Any = None
    ) -> Any:
        """Fill a box with a colour; what of it lies beyond an image is left out.

        Parameters
        ----------
        origin : str, (int, int) or (float, float)
            Where the box begins; see `crop`.
        shape : int or (int, int)
            Rows and columns of the box.
        color : number or sequence of numbers
            One number, or one for each channel.
        """
        made = as_image(image).copy()
        size = shape_of(shape)
        row, column = place_of(origin, size, made.shape[:2], rng)
        rows = slice(max(0, row), max(0, row + size[0]))
        made[rows, max(0, column) : max(0, column + size[1])] = colour(color, made, "color")
        return made

    @image_action()
    def posterize(self, image: Any, bits: int = 4) -> Any:
        """Keep the highest bits of pixels.

        Parameters
        ----------
        bits : int
            How many; the others become 0.

        Raises
        ------
        ValueError
            If pixels are no unsigned integers, or have fewer bits.
        """
        image = as_image(image)
        if image.dtype.kind != "u":
            raise ValueError(f"posterize takes unsigned integers, the image is {image.dtype}")
        (kept,) = whole_numbers([bits], "bits", least=1)
        lost = image.dtype.itemsize * 8 - kept
        if lost < 0:
            raise ValueError(f"bits={bits}: {image.dtype} has {image.dtype.itemsize * 8}")
        return image >> lost << lost

    @image_action()
    def enhance(self, image: Any, layout: str = "hcbs", factor: Any = (1, 1, 1, 1)) -> Any:
        """Change colour, contrast, brightness and sharpness, by Pillow's ``ImageEnhance``.

        Parameters
        ----------
        layout : str
            What is done, in that order: h colour, c contrast, b brightness, s sharpness.
        factor : float or sequence of float
            1 leaves the image as it is; one number, or one for each letter of `layout`.
        """
        module = pillow("enhance", "PIL.ImageEnhance")
        factors = [factor] * len(layout) if np.ndim(factor) == 0 else list(factor)
        unknown = [letter for letter in layout if letter not in _ENHANCEMENTS]
        if unknown or len(factors) != len(layout):
            raise ValueError(
                f"layout has to be letters of {''.join(_ENHANCEMENTS)!r}, and factor one number "
                f"for each; got {layout!r} and {factor!r}"
            )

        def enhanced(picture: Any) -> Any:
            for letter, number in zip(layout, factors, strict=True):
                picture = getattr(module, _ENHANCEMENTS[letter])(picture).enhance(number)
            return picture

        return through_pillow(image, enhanced, "enhance")

    @image_action()
    def filter(
        self, image: Any, mode: str, *args: Any, src: Any = None, dst: Any = None, **kwargs: Any
    ) -> Any:
        """Filter images by Pillow's ``ImageFilter``.

        Parameters
        ----------
        mode : str
            Name of a filter, such as 'BLUR' or 'GaussianBlur'.
        *args, **kwargs
            Its arguments.
        """
        module = pillow("filter", "PIL.ImageFilter")
        found = getattr(module, mode, None) if isinstance(mode, str) else None
        if not isinstance(found, type) or not issubclass(found, module.Filter):
            raise ValueError(
                f"mode has to be the name of a filter of PIL.ImageFilter, got {mode!r}"
            )
        # Pillow compares what it is given with tuples, which NumPy's numbers take for arrays.
        made = found(*map(_python, args), **{name: _python(kwargs[name]) for name in kwargs})
        return through_pillow(image, lambda picture: picture.filter(made), "filter")

    @image_action()
    def pil_convert(self, image: Any, mode: str = "L") -> Any:
        """Convert images to another mode of Pillow: 'L' is grey, without an axis for channels.

        Parameters
        ----------
        mode : str
            'L', 'RGB', 'RGBA', 'HSV', 'F', ...
        """
        picture = as_pillow(image, what="pil_convert")
        try:
            return np.asarray(picture.convert(mode))
        except ValueError as error:
            raise ValueError(
                f"mode has to be one of Pillow that {picture.mode} converts to, such as 'L', "
                f"'RGB', 'RGBA' or 'F'; got {mode!r} ({error})"
            ) from None

    @image_action()
    def to_pil(self, image: Any, mode: str | None = None) -> Any:
        """Make images of Pillow, for functions of your own; other actions make arrays of them.

        Parameters
        ----------
        mode : str, optional
            As for `pil_convert`; by default what the number of channels says.
        """
        return as_pillow(image, mode, "to_pil")


def _negative(image: NDArray[Any]) -> NDArray[Any]:
    if image.dtype.kind in "biu":
        return np.asarray(np.invert(image))
    if image.dtype.kind != "f":
        raise ValueError(f"images of {image.dtype} have no negatives")
    return np.asarray(image.dtype.type(1) - image)


def _for_channels(value: Any, image: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Give one number, or one for each channel."""
    given = np.asarray(value)
    channels = 1 if image.ndim == 2 else image.shape[2]
    if given.ndim > 1 or given.dtype.kind not in "biuf" or (given.ndim and given.size != channels):
        raise ValueError(
            f"{name} has to be a number, or one for each of {channels} channel(s); got {value!r}"
        )
    if given.ndim and image.ndim == 2:
        given = given[0]
    return np.asarray(given, np.float64)


def _finished(
    values: NDArray[np.float64], image: NDArray[Any], clip: bool, preserve_type: bool
) -> NDArray[Any]:
    if clip:
        values = np.clip(values, *dtype_range(image.dtype))
    return converted(values, image.dtype if preserve_type else np.float32)


def _python(value: Any) -> Any:
    """Give Python's number for one of NumPy."""
    return value.item() if isinstance(value, np.generic) else value


def _noise(
    noise: Any, image: NDArray[Any], rng: np.random.Generator, middle: float
) -> NDArray[Any]:
    if callable(noise) or hasattr(noise, "sample"):
        return np.asarray(draw(noise, rng, "noise", size=image.shape))
    return rng.normal(middle, number_of(noise, "noise", least=0), image.shape)
