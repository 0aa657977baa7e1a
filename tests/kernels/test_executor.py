"""What keeps the native pool alive: Ctrl-C, fork, threads, the end of the process."""

import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from ironbatch import kernels

pytestmark = pytest.mark.timeout(900)


def run_python(code, *, environment=None):
    """Run code in a process of its own; give its output and exit code."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
        timeout=60,
        check=False,
    )
    return done.stdout, done.returncode


SPIN = """
    import os, signal, time, threading
    import numpy as np
    from ironbatch.kernels import load_kernels
    kernel = load_kernels({path!r}).spin
    {before}
    x = np.zeros(({items}, 1))
    sent = []
    def handler(number, frame):
        raise KeyboardInterrupt
    signal.signal(signal.SIGINT, handler)
    def send():
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=send, daemon=True).start()
    try:
        kernel.bind(seconds={seconds}).run_batch(x)
    except KeyboardInterrupt:
        print(time.perf_counter() - sent[0])
    {after}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("items", "seconds", "before"),
    [
        # One item that takes long, many items, and many after their cost was learned.
        (1, 30, ""),
        (100_000, 0.001, ""),
        (100_000, 0.001, "kernel.bind(seconds=0.001).run_batch(np.zeros((10, 1)))"),
    ],
)
def test_ctrl_c_reaches_the_main_thread_at_once(library_path, items, seconds, before):
    after = "print(kernel(np.zeros(1), seconds=0)[0])"
    code = SPIN.format(
        path=str(library_path), items=items, seconds=seconds, before=before, after=after
    )
    output, status = run_python(code)
    lines = output.split()
    assert status == 0, output
    # The bar is 0.2 s; a busy machine gets more.
    assert float(lines[0]) < 2
    assert lines[1] == "0.0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_runs_kernels():
    code = """
    import os, warnings
    import numpy as np
    from ironbatch import kernels
    x = np.zeros((1000, 1000), np.uint8)
    bound = kernels.invert.bind()
    for _ in range(3):
        assert bound.run_batch(x).all()
    for _ in range(3):
        child = os.fork()
        if child == 0:
            ok = bound.run_batch(x).all() and kernels.clip.bind(low=3).run_batch(x).all()
            grandchild = os.fork()
            if grandchild == 0:
                os._exit(0 if bound.run_batch(x).all() else 1)
            os._exit(0 if ok and os.waitpid(grandchild, 0)[1] == 0 else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert bound.run_batch(x).all()
    print("done")
    """
    assert run_python(code) == ("done\n", 0)


def test_the_process_ends_while_a_kernel_runs(library_path):
    code = f"""
    import threading, time
    import numpy as np
    from ironbatch.kernels import load_kernels
    bound = load_kernels({str(library_path)!r}).spin.bind(seconds=0.01, listens=False)
    x = np.zeros((5_000, 1))
    threading.Thread(target=bound.run_batch, args=(x,), daemon=True).start()
    time.sleep(0.2)
    print("end")
    """
    begun = time.perf_counter()
    assert run_python(code) == ("end\n", 0)
    assert time.perf_counter() - begun < 10


def test_kernels_of_several_threads_run_side_by_side():
    x = np.random.default_rng(0).integers(0, 255, (500, 40, 40), dtype=np.uint8)
    bound = kernels.flip.bind()
    failures = []

    def work():
        for _ in range(20):
            if not (np.asarray(bound.run_batch(x)) == x[:, :, ::-1]).all():
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("count", ["1", "3"])
def test_the_number_of_threads_is_that_of_the_environment(count):
    if not os.path.isdir("/proc/self/task"):  # noqa: PTH112
        pytest.skip("counts threads through /proc")
    code = """
    import time
    from pathlib import Path
    import numpy as np
    from ironbatch import kernels
    x = np.zeros((2000, 2000), np.uint8)
    for _ in range(5):
        kernels.invert.bind().run_batch(x)
    # A thread takes its name only once it has begun.
    time.sleep(0.5)
    names = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
    print(sum(name.startswith("ironbatch") for name in names))
    """
    output, status = run_python(code, environment={"IRONBATCH_THREADS": count})
    assert status == 0, output
    # The calling thread is one of them, and a pool of one is never needed.
    assert int(output) in ({0, 1} if count == "1" else {3})


def test_the_gil_is_free_while_a_kernel_runs(fixture_kernels):
    bound = fixture_kernels.spin.bind(seconds=1.0)
    turns = []
    thread = threading.Thread(target=bound.run_batch, args=(np.zeros((2, 1)),))
    thread.start()
    while thread.is_alive():
        turns.append(time.perf_counter())
        time.sleep(0.001)
    assert len(turns) > 20
