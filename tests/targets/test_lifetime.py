"""Interrupts, forks and exits: each in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

TARGETS = ["for", "threads", "async", "mpc"]

PRELUDE = """
import asyncio, os, signal, sys, threading, time
from ironbatch.targets import Calls, run
def double(x): return 2 * x
async def double_later(x):
    await asyncio.sleep(0)
    return 2 * x
async def sleep_later(x): await asyncio.sleep(x)
def use(target):
    f = double_later if target == 'async' else double
    assert run(target, f, Calls(20, (list(range(20)),)), timeout=60) == list(range(0, 40, 2))
def sleeper(target): return sleep_later if target == 'async' else time.sleep
"""


def script(body: str) -> list[str]:
    return [sys.executable, "-c", PRELUDE + textwrap.dedent(body)]


def finish(body: str, timeout: float = 40, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(script(body), capture_output=True, text=True, timeout=timeout)
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.parametrize("target", ["threads", "async", "mpc", "for"])
def test_ctrl_c_raises_at_once_and_the_target_works_on(target: str) -> None:
    done = finish(
        f"""
        use({target!r})
        def interrupt():
            time.sleep(0.4)
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
        sent = []
        threading.Thread(target=interrupt, daemon=True).start()
        try:
            run({target!r}, sleeper({target!r}), Calls(50, ([20.0] * 50,)))
        except KeyboardInterrupt:
            print('took', time.perf_counter() - sent[0])
        use({target!r})
        """
    )
    # The bar is 0.2 s; a busy machine gets more, and the items sleep for 20.
    assert float(done.stdout.split()[1]) < 2
    assert done.stderr == ""


@pytest.mark.parametrize("target", ["threads", "async", "mpc"])
def test_the_interpreter_ends_at_once_while_items_run(target: str) -> None:
    began = time.perf_counter()
    done = finish(
        f"""
        thread = threading.Thread(
            target=run,
            args=({target!r}, sleeper({target!r}), Calls(10, ([30.0] * 10,))),
            daemon=True,
        )
        thread.start()
        time.sleep(0.6)
        """
    )
    assert time.perf_counter() - began < 10
    assert done.stderr == ""


def test_the_interpreter_ends_while_workers_are_busy_with_python() -> None:
    for _ in range(5):
        done = finish(
            """
            def spin(_):
                while True:
                    pass
            def naps(_):
                while True:
                    time.sleep(0.0001)
            for work in spin, naps:
                run('threads', work, Calls(8, ([0] * 8,)), timeout=0.1)
            """
        )
        assert done.stderr == ""


IN_THE_CORE = {
    "a component is filled by Python code": """
        class Endless:
            def __len__(self): return 100
            def __getitem__(self, ix):
                while True: pass
        dataset = ironbatch.Dataset(100, Images, preloaded=(Endless(),))
        def work(_): dataset.create_batch(dataset.index).images
    """,
    "components are read and assigned": """
        dataset = ironbatch.Dataset(100, Images, preloaded=(np.zeros((100, 3)),))
        def work(_):
            batch = dataset.next_batch(50)
            while True:
                batch[3].images = batch[4].images
                batch.images = batch.images.copy()
    """,
    "items are gathered": """
        dataset = ironbatch.Dataset(500, Images, preloaded=(np.zeros((500, 12288), np.uint8),))
        def work(_):
            while True:
                dataset.next_batch(256, shuffle=True).images
    """,
}


@pytest.mark.parametrize("work", IN_THE_CORE.values(), ids=IN_THE_CORE)
def test_the_interpreter_ends_while_threads_are_in_the_core(work: str) -> None:
    body = """
        import numpy as np, ironbatch
        class Images(ironbatch.Batch):
            components = 'images'
        {work}
        # A thread of the user's, and workers.
        threading.Thread(target=work, args=(0,), daemon=True).start()
        run('threads', work, Calls(3, ([0] * 3,)), timeout=0.2)
        """
    for _ in range(3):
        done = finish(body.format(work=textwrap.dedent(work).replace("\n", "\n" + " " * 8)))
        assert done.stderr == ""


@pytest.mark.parametrize("target", ["threads", "async", "mpc"])
def test_a_thread_that_the_interpreter_waits_for_gets_its_results(target: str) -> None:
    done = finish(
        f"""
        def work():
            seconds = 0.5
            results = run({target!r}, sleeper({target!r}), Calls(4, ([seconds] * 4,)))
            results += run({target!r}, sleeper({target!r}), Calls(4, ([0.01] * 4,)))
            print(results)
        threading.Thread(target=work).start()
        """
    )
    assert done.stdout == f"{[None] * 8}\n"
    assert done.stderr == ""


@pytest.mark.parametrize("target", TARGETS)
def test_idle_pools_do_not_delay_the_exit(target: str) -> None:
    done = finish(
        f"""
        import atexit
        use({target!r})
        atexit.register(lambda began=time.perf_counter(): print(time.perf_counter() - began))
        """
    )
    assert done.stderr == ""


def test_a_fork_after_every_pool_was_used() -> None:
    done = finish(
        f"""
        import warnings
        targets = {TARGETS!r}
        for target in targets:
            use(target)
        pid = os.fork()
        for target in targets:
            use(target)
        if pid:
            _, status = os.waitpid(pid, 0)
            assert status == 0, status
            for target in targets:
                use(target)
            print('parent')
        else:
            sys.stdout.flush()
        """
    )
    assert done.stderr == ""
    assert "parent" in done.stdout


def test_a_fork_while_pools_are_busy() -> None:
    finish(
        f"""
        targets = {TARGETS[1:]!r}
        for target in targets:
            use(target)  # Python itself cannot fork while another thread is importing a module
        threads = [
            threading.Thread(
                target=run, args=(target, sleeper(target), Calls(4, ([1.0] * 4,))), daemon=True
            )
            for target in targets
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        pid = os.fork()
        if pid == 0:
            for target in targets:
                use(target)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        for thread in threads:
            thread.join()
        """
    )


def test_a_fork_inside_an_item() -> None:
    finish(
        """
        def item(x):
            pid = os.fork()
            if pid == 0:
                use('threads')
                os._exit(0)
            return os.waitpid(pid, 0)[1]
        assert run('threads', item, Calls(4, ([0] * 4,))) == [0] * 4
        """
    )


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")
@pytest.mark.parametrize("busy", [False, True])
def test_workers_end_when_the_parent_is_killed(busy: bool) -> None:
    body = """
        use('mpc')
        from ironbatch.targets.processes.pool import pool
        print(*pool().pids, flush=True)
        {}
        """.format("run('mpc', time.sleep, Calls(4, ([60.0] * 4,)))" if busy else "time.sleep(60)")
    with subprocess.Popen(script(body), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait(5)
        deadline = time.monotonic() + 5
        while any(map(_alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert pids
        assert not any(map(_alive, pids))


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")
def test_workers_are_gone_after_the_exit() -> None:
    done = finish(
        """
        use('mpc')
        from ironbatch.targets.processes.pool import pool
        print(*pool().pids)
        """
    )
    assert not any(_alive(int(pid)) for pid in done.stdout.split())


def test_functions_of_a_script_need_no_main_guard(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    path = tmp_path / "script.py"
    path.write_text(
        "print('run')\n"
        "from ironbatch.targets import Calls, run\n"
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "def item(point): return Point(point.x + 1)\n"
        "made = run('mpc', item, Calls(3, ([Point(1), Point(2), Point(3)],)))\n"
        "assert [point.x for point in made] == [2, 3, 4]\n"
        "assert all(type(point) is Point for point in made), made\n"
    )
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=40)
    assert done.stderr == ""
    assert done.stdout == "run\n"


def test_a_late_worker_never_writes_after_the_timeout() -> None:
    finish(
        """
        out = [0] * 4
        gate = threading.Event()
        def item(x):
            gate.wait(5)
            return x + 1
        results = run('threads', item, Calls(4, ([1] * 4,)), timeout=0.1)
        before = list(map(repr, results))
        gate.set()
        time.sleep(0.3)
        assert list(map(repr, results)) == before
        assert all(isinstance(result, TimeoutError) for result in results)
        """
    )


@pytest.mark.slow
def test_nothing_grows() -> None:
    finish(
        """
        async def later(x):
            if x == 3: raise ValueError(x)
            return x
        def broken(x):
            if x == 3: raise ValueError(x)
            return x
        from ironbatch.targets.crew import default_workers
        def look():
            rss = int(open('/proc/self/statm').read().split()[1]) * 4096
            return rss, len(os.listdir('/proc/self/fd')), threading.active_count()
        def work(rounds):
            ids = list(range(20))
            for _ in range(rounds):
                run('threads', broken, Calls(20, (ids,)))
                run('for', broken, Calls(20, (ids,)))
                run('async', later, Calls(20, (ids,)))
                run('mpc', broken, Calls(20, (ids,)))
        work(300)
        first = look()
        work(1500)
        last = look()
        assert last[1] == first[1], (first, last)
        # How many threads help depends on how busy the machine is.
        assert last[2] <= 2 + default_workers(), (first, last)
        assert last[0] - first[0] < 4 << 20, (first, last)
        """,
        timeout=100,
    )
