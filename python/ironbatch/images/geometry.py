"""Actions that change where pixels are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ironbatch.images import natively
from ironbatch.images.acting import ImageActions, image_action
from ironbatch.images.boxes import place_of, scaled_size, shape_of, sides_of, size_of
from ironbatch.images.mapping import (
    affine_matrix,
    elastic_places,
    known_method,
    rotation,
    transformed_places,
)
from ironbatch.images.pixels import as_image, colour, pair, whole_numbers
from ironbatch.images.placing import cut, fitted, put
from ironbatch.images.sampling import (
    BORDERS,
    SAMPLING,
    interpolation_for,
    resized,
    sample,
    warped,
)

__all__ = ["Geometry"]


class Geometry(ImageActions):
    """The part of `ImagesBatch` that moves pixels."""

    @image_action(native=natively.resize)
    def resize(
        self,
        image: Any,
        size: Any,
        interpolation: Any = None,
        antialias: bool = True,
        *,
        src: Any = None,
    ) -> Any:
        """Give images another size.

        Parameters
        ----------
        size : int or (int, int)
            Rows and columns; None for one of them keeps the ratio.
        interpolation : {'nearest', 'bilinear', 'bicubic', 'lanczos', 'area'}, int or mapping
            By default 'bilinear', and 'nearest' for `masks`. A mapping has one for each component;
            Pillow's numbers are understood.
        antialias : bool
            Whether the filter widens as images shrink, as in Pillow.

        Raises
        ------
        ValueError
            If a side is not above 0, or there is no such interpolation.
        """
        image = as_image(image)
        return resized(image, size_of(size, image.shape), interpolation, antialias, src)

    @image_action(native=natively.scale, draws="origin")
    def scale(
        self,
        image: Any,
        factor: Any,
        preserve_shape: bool = False,
        origin: Any = "center",
        interpolation: Any = None,
        antialias: bool = True,
        *,
        src: Any = None,
        rng: Any = None,
    ) -> Any:
        """Make images larger or smaller by a factor.

        Parameters
        ----------
        factor : float or (float, float)
            For both sides, or for rows and for columns; sizes are rounded up.
        preserve_shape : bool
            Whether images keep their size: larger ones are cropped, smaller ones lie on zeros.
        origin : str, (int, int) or (float, float)
            Where the smaller box lies in the larger one then; see `crop`.
        interpolation, antialias
            As for `resize`.
        """
        image = as_image(image)
        size = scaled_size(factor, image.shape)
        made = resized(image, size, interpolation, antialias, src)
        if not preserve_shape:
            return made
        return fitted(made, image.shape, origin, rng)

    @image_action(native=natively.crop, draws="origin")
    def crop(
        self,
        image: Any,
        origin: Any,
        shape: Any,
        crop_boundaries: bool = False,
        *,
        rng: Any = None,
    ) -> Any:
        """Cut a box out of images.

        Parameters
        ----------
        origin : str, (int, int) or (float, float)
            'center', 'top_left', 'top_right', 'bottom_left' or 'bottom_right'; 'random', drawn for
            each item from its own stream and the same for all components of the call; the row and
            column at which the box begins; or floats from 0 up to 1, a share of the places at which
            it lies within the image.
        shape : int or (int, int)
            Rows and columns of the box.
        crop_boundaries : bool
            Whether a box that reaches beyond an image is cut down to it; otherwise that raises.

        Raises
        ------
        ValueError
            If a box does not lie within an image.
        """
        image = as_image(image)
        size = shape_of(shape)
        row, column = place_of(origin, size, image.shape[:2], rng)
        if crop_boundaries:
            made = image[
                max(0, row) : max(0, row + size[0]), max(0, column) : max(0, column + size[1])
            ]
            if 0 in made.shape[:2]:
                raise ValueError(
                    f"origin={origin!r}: a box of shape {size} lies beyond an image of shape "
                    f"{image.shape}"
                )
            return made
        if size[0] > image.shape[0] or size[1] > image.shape[1]:
            raise ValueError(f"shape={size} is larger than an image of shape {image.shape}")
        return cut(image, (row, column), size)

    @image_action(draws="origin")
    def put_on_background(
        self, image: Any, background: Any, origin: Any, mask: Any = None, *, rng: Any = None
    ) -> Any:
        """Put images on a background; what reaches beyond it is cut off.

        Parameters
        ----------
        background : array or image of Pillow
            Of the images' dtype and channels; it is not changed.
        origin : str, (int, int) or (float, float)
            Where the image lies on it; see `crop`.
        mask : array or image of Pillow, optional
            Rows and columns of the image: how much of a pixel is put, False or True, 0 to 1 for
            floats, 0 to 255 for bytes.
        """
        image = as_image(image)
        made = as_image(background).copy()
        if made.dtype != image.dtype or made.shape[2:] != image.shape[2:]:
            raise ValueError(
                f"background is {made.dtype} of shape {made.shape}, and the image {image.dtype} of "
                f"shape {image.shape}: dtype and channels have to be the same"
            )
        weights = None if mask is None else as_image(mask)
        if weights is not None and weights.shape != image.shape[:2]:
            raise ValueError(f"mask is of shape {weights.shape}, and the image {image.shape}")
        put(made, image, place_of(origin, image.shape[:2], made.shape[:2], rng), weights)
        return made

    @image_action(native=natively.transform)
    def transform(
        self,
        image: Any,
        method: Any,
        data: Any,
        size: Any = None,
        interpolation: Any = None,
        fill: Any = 0,
        border: str = "constant",
        *,
        src: Any = None,
    ) -> Any:
        """Move pixels by a mapping from places of the result to places of the image.

        Parameters
        ----------
        method : {'affine', 'extent', 'perspective', 'quad'} or int
            As in Pillow, whose numbers are understood.
        data : sequence of float
            Numbers of the mapping as Pillow has them, in which a place is x, y: ``a, b, c, d, e,
            f`` for 'affine', with ``x = a * x' + b * y' + c``; left, top, right, bottom of a box
            for 'extent'; eight numbers for 'perspective'; the corners north-west, south-west,
            south-east and north-east for 'quad'.
        size : int or (int, int), optional
            Rows and columns of the result; by default those of the image.
        interpolation : {'nearest', 'bilinear', 'bicubic'}, int or mapping
            As for `resize`.
        fill : number or sequence of numbers
            What lies outside with 'constant', one number for each channel.
        border : {'constant', 'edge', 'reflect', 'wrap'}
            What lies outside the image.
        """
        image = as_image(image)
        rows, columns = image.shape[:2] if size is None else size_of(size, image.shape)
        known = interpolation_for(interpolation, src, SAMPLING)
        name, numbers = known_method(method, data)
        matrix = affine_matrix(name, numbers, (rows, columns))
        if matrix is None:
            places = transformed_places(name, numbers, (rows, columns))
            return sample(image, *places, known, border, fill)
        return warped(image, (matrix, (rows, columns)), known, border, fill)

    @image_action(native=natively.rotate)
    def rotate(
        self,
        image: Any,
        angle: Any,
        interpolation: Any = None,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
        border: str = "constant",
        *,
        src: Any = None,
    ) -> Any:
        """Rotate images counter-clockwise.

        Parameters
        ----------
        angle : float
            Degrees.
        interpolation : {'nearest', 'bilinear', 'bicubic'}, int or mapping
            As for `resize`.
        expand : bool
            Whether the result is as large as it takes to hold the whole image.
        center : (float, float), optional
            Row and column of the centre; that of the image by default.
        fill, border
            As for `transform`.

        Raises
        ------
        ValueError
            If the angle is no finite number.
        """
        image = as_image(image)
        known = interpolation_for(interpolation, src, SAMPLING)
        to = rotation(angle, image.shape, expand, center)
        if expand or center is not None:
            return warped(image, to, known, border, fill)
        return warped(image, to, known, border, fill, float(angle))

    @image_action(draws=True)
    def elastic_transform(
        self,
        image: Any,
        alpha: float,
        sigma: float,
        interpolation: Any = None,
        border: str = "reflect",
        fill: Any = 0,
        *,
        src: Any = None,
        dst: Any = None,
        rng: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Deform images by a smooth random field.

        As in P. Simard, D. Steinkraus, J. Platt, Best Practices for Convolutional Neural Networks
        applied to Visual Document Analysis, 2003. The field is drawn from the item's own stream;
        components of one call whose images are of one size get the same field.

        Parameters
        ----------
        alpha : float
            How far pixels move: the factor of a field between -1 and 1, before it is smoothed.
        sigma : float
            How smooth the field is: the standard deviation of a Gaussian, in pixels.
        interpolation : {'nearest', 'bilinear', 'bicubic'}, int or mapping
            As for `resize`.
        border, fill
            As for `transform`.
        **kwargs
            Further arguments of `scipy.ndimage.gaussian_filter`, which smooths the field then.
        """
        image = as_image(image)
        rows, columns = elastic_places(image.shape, alpha, sigma, rng, kwargs)
        known = interpolation_for(interpolation, src, SAMPLING)
        return sample(image, rows, columns, known, border, fill)

    @image_action()
    def shift(self, image: Any, offset: Any, mode: str = "const", fill: Any = 0) -> Any:
        """Move images by whole pixels.

        Parameters
        ----------
        offset : int or (int, int)
            By how many rows down and columns to the right.
        mode : {'const', 'wrap'}
            What comes in: `fill`, or what goes out at the other side.
        fill : number or sequence of numbers
            One number, or one for each channel.
        """
        image = as_image(image)
        down, right = whole_numbers(pair(offset, "offset"), "offset", least=-(2**62))
        if mode == "wrap":
            return np.roll(image, (down, right), axis=(0, 1))
        if mode != "const":
            raise ValueError(f"mode has to be 'const' or 'wrap', got {mode!r}")
        made = np.empty_like(image)
        made[...] = colour(fill, image, "fill")
        put(made, image, (down, right), None)
        return made

    @image_action(native=natively.pad)
    def pad(self, image: Any, border: Any, fill: Any = 0, mode: str = "constant") -> Any:
        """Add a border.

        Parameters
        ----------
        border : int or sequence of int
            Pixels at each side; above and below, and left and right; or left, top, right, bottom.
        fill : number or sequence of numbers
            Pixels of the border with 'constant', one number for each channel.
        mode : {'constant', 'edge', 'reflect', 'wrap'}
            What the border is: `fill`, the nearest pixel, the image mirrored at its edge pixels,
            or the image again.
        """
        image = as_image(image)
        before, after = sides_of(border)
        if mode not in BORDERS:
            raise ValueError(f"mode has to be one of {', '.join(BORDERS)}, got {mode!r}")
        if mode == "constant":
            rows, columns = (
                length + one + other
                for length, one, other in zip(image.shape[:2], before, after, strict=True)
            )
            made = np.empty((rows, columns, *image.shape[2:]), image.dtype)
            made[...] = colour(fill, image, "fill")
            made[before[0] : rows - after[0], before[1] : columns - after[1]] = image
            return made
        if 0 in image.shape[:2]:
            raise ValueError(f"an image of shape {image.shape} has no pixels to go on with")
        widths = [*zip(before, after, strict=True), *((0, 0),) * (image.ndim - 2)]
        return np.pad(image, widths, mode=mode)  # type: ignore[call-overload]

    @image_action(native=natively.flip)
    def flip(self, image: Any, mode: str = "lr") -> Any:
        """Mirror images.

        Parameters
        ----------
        mode : {'lr', 'ud'}
            Left and right, or up and down, change places; also 'horizontal' and 'vertical'.
        """
        image = as_image(image)
        if mode in ("lr", "horizontal"):
            return image[:, ::-1]
        if mode in ("ud", "vertical"):
            return image[::-1]
        raise ValueError(f"mode has to be 'lr' or 'ud', got {mode!r}")

    @image_action(native=natively.patches)
    def split_to_patches(
        self, image: Any, patch_shape: Any, stride: Any = 1, drop_last: bool = False
    ) -> Any:
        """Cut images into boxes of one size, row by row.

        Parameters
        ----------
        patch_shape : int or (int, int)
            Rows and columns of a box.
        stride : int or (int, int)
            From one box to the next.
        drop_last : bool
            Whether pixels at the ends that no box reaches are left out; otherwise further boxes
            end where the image does.

        Notes
        -----
        Each item becomes an array with the boxes along a new first axis, so that it stays one
        item: ``(boxes, rows, columns)``, with or without channels.
        """
        image = as_image(image)
        size = shape_of(patch_shape, "patch_shape")
        steps = shape_of(stride, "stride")
        starts = []
        for length, box, step in zip(image.shape[:2], size, steps, strict=True):
            if box > length:
                raise ValueError(
                    f"patch_shape={patch_shape!r}: a box of shape {size} does not lie within an "
                    f"image of shape {image.shape}"
                )
            along = list(range(0, length - box + 1, step))
            if not drop_last and along[-1] + box != length:
                along.append(length - box)
            starts.append(along)
        return np.stack(
            [cut(image, (row, column), size) for row in starts[0] for column in starts[1]]
        )
