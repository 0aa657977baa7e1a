"""Resources of NVIDIA cards."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ironbatch.extras import need
from ironbatch.monitor.base import ResourceMonitor

__all__ = ["GPUMemoryMonitor", "GPUMemoryUtilizationMonitor", "GPUMonitor"]


class _OfGPU(ResourceMonitor):
    """A resource of NVIDIA cards.

    Parameters
    ----------
    function, frequency
        As for `ResourceMonitor`.
    gpu_list : list of int, optional
        Numbers of the cards; those of ``CUDA_VISIBLE_DEVICES``, or the first one, by default.
    """

    unit = "%"

    def __init__(
        self,
        function: Callable[[], Any] | None = None,
        frequency: float = 0.1,
        gpu_list: list[int] | None = None,
    ) -> None:
        super().__init__(function, frequency)
        if gpu_list is None:
            visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
            gpu_list = [int(one) for one in visible.split(",") if one.strip().isdigit()]
        self.gpu_list = gpu_list
        self._nvml()

    def _nvml(self) -> Any:
        nvml = need("pynvml", extra="gpu", what="a monitor of GPUs")
        nvml.nvmlInit()
        return nvml

    def of_card(self, nvml: Any, card: Any) -> float:
        """Give a sample of one card."""
        raise NotImplementedError

    def get_usage(self) -> list[float]:
        """Give a sample for each card."""
        nvml = self._nvml()
        try:
            cards = [nvml.nvmlDeviceGetHandleByIndex(number) for number in self.gpu_list]
            return [float(self.of_card(nvml, card)) for card in cards]
        finally:
            nvml.nvmlShutdown()


class GPUMonitor(_OfGPU):
    """Load of NVIDIA cards, in per cent; a list with a number for each card."""

    def of_card(self, nvml: Any, card: Any) -> float:
        """Give the load of one card."""
        return nvml.nvmlDeviceGetUtilizationRates(card).gpu  # type: ignore[no-any-return]


class GPUMemoryUtilizationMonitor(_OfGPU):
    """How busy the memory of NVIDIA cards is, in per cent; a list with a number for each card."""

    def of_card(self, nvml: Any, card: Any) -> float:
        """Give how busy the memory of one card is."""
        return nvml.nvmlDeviceGetUtilizationRates(card).memory  # type: ignore[no-any-return]


class GPUMemoryMonitor(_OfGPU):
    """Memory of NVIDIA cards in use, in per cent; a list with a number for each card."""

    def of_card(self, nvml: Any, card: Any) -> float:
        """Give the memory of one card that is in use."""
        info = nvml.nvmlDeviceGetMemoryInfo(card)
        return 100 * info.used / info.total  # type: ignore[no-any-return]
