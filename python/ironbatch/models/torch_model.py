"""Modules of torch as models."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

import numpy as np

from ironbatch.config import Config
from ironbatch.extras import need
from ironbatch.models.sources import imported, plain
from ironbatch.models.torch_options import (
    compares_floats,
    make_loss,
    make_optimizer,
    make_scheduler,
    precision,
)
from ironbatch.models.torch_tensors import (
    computed,
    described,
    input_tensors,
    target_tensors,
    to_numpy,
)

__all__ = ["TorchModel"]

_OPTIONS = (
    "module",
    "arguments",
    "loss",
    "optimizer",
    "scheduler",
    "device",
    "amp",
    "accumulate",
    "clip",
    "seed",
    "outputs",
    "load",
)

_random_numbers = threading.RLock()
"""Held while the global random numbers of torch are seeded."""


class TorchModel:
    """Any `torch.nn.Module`, with what training it takes.

    Parameters
    ----------
    config : Config or dict
        ==================  =======================================================================
        ``'module'``        a module, which is copied; or a class, a function that makes one, or a
                            path to import, such as ``'torchvision.models.resnet18'``
        ``'arguments'``     keyword arguments of the class or function
        ``'loss'``          a function of outputs and targets; a name: ``'ce'``, ``'bce'`` (of
                            logits), ``'mse'``, ``'mae'``, ``'huber'``, ``'nll'`` or that of a class
                            of ``torch.nn``; or a dict with ``name`` and arguments
        ``'optimizer'``     a name of ``torch.optim``, a dict with ``name`` and arguments, or a
                            class; ``'Adam'`` by default
        ``'scheduler'``     the same of ``torch.optim.lr_scheduler``; it steps after each update, or
                            with ``every`` after so many
        ``'device'``        such as ``'cuda:1'``; CUDA where there is any by default
        ``'amp'``           mixed precision: True, ``'bf16'`` or ``'fp16'``, the latter with scaled
                            gradients
        ``'accumulate'``    how many batches make one update of the weights; 1 by default
        ``'clip'``          largest norm of the gradients of an update
        ``'seed'``          makes first weights and dropout the same each time, whatever else draws
                            random numbers
        ``'outputs'``       what `predict` gives by default
        ``'load'``          a file to load when the model is made
        ==================  =======================================================================

    Attributes
    ----------
    module : torch.nn.Module
        The module.
    optimizer, scheduler
        Made with the first batch to learn from; None before.
    updates : int
        How often the weights were updated.

    Raises
    ------
    KeyError
        If there is no ``'module'``.
    TypeError, ValueError
        If an option is unknown or wrong.

    Notes
    -----
    NumPy arrays become tensors without a copy where their memory can be written to and dtype and
    device agree. Floats, bools and integers of up to 16 bits are turned into floats of the dtype of
    the module's parameters; wider integers stay integers.
    """

    def __init__(self, config: Any) -> None:
        torch = need("torch", extra="torch", what="TorchModel")
        self.config = Config(config).copy()
        for option in self.config:
            if option not in _OPTIONS:
                near = get_close_matches(option, _OPTIONS, n=3)
                hint = (
                    f"near names: {', '.join(near)}" if near else f"options: {', '.join(_OPTIONS)}"
                )
                raise TypeError(f"TorchModel has no option {option!r}; {hint}")
        name = self.config.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
        self.device = torch.device(name)
        self._accumulate = self.config.get("accumulate", 1)
        if not isinstance(self._accumulate, int) or self._accumulate < 1:
            raise ValueError(
                f"option 'accumulate' is a number of batches from 1, got {self._accumulate!r}"
            )
        self._amp = precision(self.config.get("amp"), self.device)
        self._loss: Any = None
        if self.config.get("loss") is not None:
            self._loss = make_loss(self.config["loss"], self.device)
        self.reset()
        path = self.config.get("load")
        if path is not None:
            self.load(path)

    def reset(self) -> None:
        """Make the module anew, with first weights, and forget the optimizer."""
        self.module = self._make_module()
        self.optimizer: Any = None
        self.scheduler: Any = None
        self.updates = 0
        self._every = 1
        self._shaped = False
        self._scaler: Any = None
        self._batches = 0
        self._pending = 0

    def _make_module(self) -> Any:
        from torch import nn

        if self.config.get("module") is None:
            raise KeyError(
                "TorchModel needs the option 'module': a torch.nn.Module, or what makes it"
            )
        given = imported(self.config["module"], "module")
        arguments = self.config.get("arguments", Config())
        if isinstance(given, nn.Module):
            if len(arguments):
                raise TypeError("option 'arguments' is for a class or function, not for a module")
            module = deepcopy(given)
        elif not callable(given):
            raise TypeError(f"option 'module' is a module or makes one, got {given!r}")
        else:
            with self._seeded(0):
                module = given(**plain(arguments))
            if not isinstance(module, nn.Module):
                raise TypeError(
                    f"option 'module' has made a {type(module).__name__}, not a torch.nn.Module"
                )
        return module.to(self.device)

    @contextmanager
    def _seeded(self, *place: int) -> Iterator[None]:
        """Let random numbers of torch follow from the seed and a place; then go on as before."""
        seed = self.config.get("seed")
        if seed is None:
            yield
            return
        import torch

        (number,) = np.random.SeedSequence([seed, *place]).generate_state(1, np.uint64)
        number = int(number >> np.uint64(1))
        with _random_numbers:
            if self.device.type == "cpu":
                # The same as below, at a tenth of the time: a batch may be done in a millisecond.
                generator = torch.default_generator
                before = generator.get_state()
                generator.manual_seed(number)
                try:
                    yield
                finally:
                    generator.set_state(before)
                return
            devices = [*range(torch.cuda.device_count())] if torch.cuda.is_initialized() else []
            with torch.random.fork_rng(devices):
                torch.manual_seed(number)
                yield

    def _precision(self) -> Any:
        import torch

        if self._amp is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._amp)

    def _dtype(self) -> Any:
        import torch
        from torch.nn.parameter import is_lazy

        for parameter in self.module.parameters():
            if not is_lazy(parameter) and parameter.is_floating_point():
                return parameter.dtype
        return torch.get_default_dtype()

    def _arguments(self, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the tensors of a batch; the first one tells lazy modules their shapes."""
        import torch
        from torch.nn.parameter import is_lazy

        args, kwargs = input_tensors(inputs, self.device, self._dtype())
        if not self._shaped:
            if any(is_lazy(one) for one in self.module.parameters()):
                self.module.eval()
                with self._seeded(1), torch.no_grad():
                    self._call(args, kwargs)
            self._shaped = True
        return args, kwargs

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return self.module(*args, **kwargs)
        except Exception as error:
            error.add_note(f"{self!r} got {described(args or kwargs)}")
            raise

    # Learning

    def train(self, inputs: Any, targets: Any) -> float:
        """Learn from one batch.

        Parameters
        ----------
        inputs : array, tensor, tuple or dict of them
            What the module takes: one argument, several, or several by name.
        targets : array, tensor, tuple or dict of them
            What the loss compares with. Integers are taken for classes, except by losses of
            ``torch.nn`` that compare floats.

        Returns
        -------
        float
            The loss before the update.

        Raises
        ------
        ValueError
            If the config has no loss; if a loss that compares number by number gets targets of
            another shape than the outputs, naming both; or if the loss is not one number.
        """
        if self._loss is None:
            raise ValueError(f"{self!r} cannot learn: its config has no 'loss', such as 'ce'")
        args, kwargs = self._arguments(inputs)
        floats = compares_floats(self._loss)
        wanted = target_tensors(targets, self.device, self._dtype(), floats)
        self._prepare()
        self.module.train()
        with self._seeded(2, self._batches):
            with self._precision():
                loss = self._compare(self._call(args, kwargs), wanted, floats)
            part = loss / self._accumulate
            (part if self._scaler is None else self._scaler.scale(part)).backward()
        value = float(loss.detach())
        self._batches += 1
        self._pending += 1
        if self._pending == self._accumulate:
            self._update(value)
        return value

    def _compare(self, outputs: Any, targets: Any, same_shape: bool) -> Any:
        if same_shape and tuple(outputs.shape) != tuple(targets.shape):
            raise ValueError(
                f"shapes differ: {self!r} gives {tuple(outputs.shape)}, the targets are "
                f"{tuple(targets.shape)}; {type(self._loss).__name__} compares number by number, "
                "so give both the same shape, as with B.targets[:, None]"
            )
        try:
            loss = self._loss(outputs, targets)
        except Exception as error:
            note = f"the loss of {self!r} got outputs {described(outputs)}"
            error.add_note(f"{note} and targets {described(targets)}")
            raise
        if getattr(loss, "numel", lambda: 0)() != 1:
            raise ValueError(f"the loss of {self!r} is one number, got {described(loss)}")
        return loss.reshape(())

    def _prepare(self) -> None:
        """Make what the first batch needs."""
        import torch

        if self.optimizer is not None:
            return
        optimizer = make_optimizer(self.config.get("optimizer"), self.module.parameters())
        if self.config.get("scheduler") is not None:
            self.scheduler, self._every = make_scheduler(self.config["scheduler"], optimizer)
        if self._amp == torch.float16:
            self._scaler = torch.amp.GradScaler(self.device.type)
        self.optimizer = optimizer

    def _update(self, loss: float) -> None:
        import torch

        optimizer, scaler = self.optimizer, self._scaler
        clip = self.config.get("clip")
        if clip is not None:
            if scaler is not None:
                scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), clip)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        optimizer.zero_grad(set_to_none=True)
        self._pending = 0
        self.updates += 1
        if self.scheduler is not None and self.updates % self._every == 0:
            if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
                self.scheduler.step(loss)
            else:
                self.scheduler.step()

    # Prediction

    def predict(self, inputs: Any, outputs: Any = None) -> Any:
        """Predict for one batch, in evaluation mode.

        Parameters
        ----------
        inputs : array, tensor, tuple or dict of them
            As for `train`.
        outputs : str, callable, or list of them, optional
            ``'predictions'``, what the module returns; ``'proba'``, probabilities of the classes
            along axis 1, or of class 1 if there is one channel; ``'labels'``, the most probable
            classes; ``'sigmoid'``; or a function of what the module returns. A list gives a list.

        Returns
        -------
        ndarray, or list of ndarray
            Of float32 under mixed precision.
        """
        import torch

        if outputs is None:
            outputs = self.config.get("outputs")
        args, kwargs = self._arguments(inputs)
        self.module.eval()
        with torch.inference_mode():
            with self._precision():
                result = self._call(args, kwargs)
            if isinstance(outputs, list | tuple):
                return [to_numpy(computed(result, one)) for one in outputs]
            return to_numpy(computed(result, outputs))

    # Files

    def save(self, path: Any, training: bool = True) -> None:
        """Write a safetensors file.

        Parameters
        ----------
        path : str or Path
            The file; what was there before is replaced by the complete file.
        training : bool
            Write what is needed to go on with training too: the state of the optimizer, the
            scheduler, gathered gradients. Without it, the file has the weights alone.
        """
        from ironbatch.models.torch_files import save

        save(self, path, training)

    def load(self, path: Any, training: bool = True) -> None:
        """Read a safetensors file; nothing in it is executed.

        Parameters
        ----------
        path : str or Path
            The file: one that `save` has written, or weights from elsewhere.
        training : bool
            Go on with training where the file was saved, if it says where that was: with the same
            data, the weights become what they would have become. The rate and other settings of
            the optimizer are then those of the file. Otherwise the optimizer starts anew.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If weights differ from those of the module in name or shape, naming both shapes; if the
            optimizer or the scheduler is another one; or if it is no such file. The model stays as
            it was.
        """
        from ironbatch.models.torch_files import load

        load(self, path, training)

    def __repr__(self) -> str:
        module = self.__dict__.get("module")
        return f"TorchModel({type(module).__name__})"
