"""How fast the kernel is, beside NumPy: ``python benches/bench_despike.py``."""

from collections.abc import Callable
from time import perf_counter

import numpy as np
from my_kernels import despike, reference

from ironbatch import Batch


class Signals(Batch):
    """A batch of signals."""

    components = "signals", "clean"


def best(run: Callable[[], object], repeat: int = 5) -> float:
    """Return the seconds that the quickest of several runs took."""
    seconds = []
    for _ in range(repeat):
        start = perf_counter()
        run()
        seconds.append(perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Print the table."""
    signals = np.random.default_rng(0).normal(0, 2, (1000, 10_000)).astype(np.float32)
    batch = Signals(len(signals))
    batch.signals = signals
    bound = despike.bind(threshold=3.0)
    kernel = best(lambda: batch.apply_parallel(bound, src="signals", dst="clean"))
    numpy = best(lambda: [reference.despike(signal) for signal in signals])
    print(f"{signals.shape[0]} signals of {signals.shape[1]} samples")
    print(f"kernel  {kernel * 1e3:8.2f} ms  {signals.nbytes / kernel / 1e9:6.2f} GB/s")
    print(f"NumPy   {numpy * 1e3:8.2f} ms  {numpy / kernel:6.1f} x the time")


if __name__ == "__main__":
    main()
