"""Traces of runs in Chrome's trace event format, which Perfetto opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ironbatch.formats.atomic import replacing
from ironbatch.pipeline.profile.profile import Profile
from ironbatch.pipeline.profile.recording import BatchRecord

__all__ = ["slices", "thread_names", "trace_events", "write_trace"]


def write_trace(profile: Profile, path: Any) -> None:
    """Write a trace; the file is there as a whole or not at all.

    Parameters
    ----------
    profile : Profile
        What was measured.
    path : path
        The file.
    """
    import json

    content = {"traceEvents": list(trace_events(profile)), "displayTimeUnit": "ms"}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def trace_events(profile: Profile) -> Iterator[dict[str, Any]]:
    """Give the events: names of processes and threads, then slices.

    Every worker has a track, a thread or a process; on it lie the batches, in them their actions,
    in those the waiting for turns. The consumer has one, too: it waits for batches, then works with
    them.
    """
    ordered = sorted(slices(profile), key=lambda one: (one[:3], -one[3]))
    threads = thread_names(profile)
    home, consumer = profile.consumer_thread
    for pid in sorted({pid for pid, _ in threads}):
        name = "consumer's process" if pid == home else "worker process"
        yield _named("process_name", pid, 0, name=f"{name} {pid}")
        yield _named("process_sort_index", pid, 0, sort_index=int(pid != home))
    for (pid, tid), name in sorted(threads.items()):
        yield _named("thread_name", pid, tid, name=name)
        yield _named("thread_sort_index", pid, tid, sort_index=int((pid, tid) != (home, consumer)))
    for pid, tid, begin, end, name, category, args in ordered:
        yield {
            "name": name,
            "cat": category,
            "ph": "X",
            "ts": begin / 1000,
            "dur": (end - begin) / 1000,
            "pid": pid,
            "tid": tid,
            "args": args,
        }


def thread_names(profile: Profile) -> dict[tuple[int, int], str]:
    """Give the names of the threads that worked, by process and thread; the consumer's too."""
    threads = {(record.pid, record.tid): record.thread for record in _parts(profile)}
    threads[profile.consumer_thread] = "consumer"
    return threads


def _named(what: str, pid: int, tid: int, **args: Any) -> dict[str, Any]:
    return {"name": what, "ph": "M", "ts": 0, "pid": pid, "tid": tid, "args": args}


def _parts(profile: Profile) -> Iterator[BatchRecord]:
    for record in profile.records:
        yield record
        if record.away is not None:
            yield record.away


def slices(profile: Profile) -> Iterator[tuple[int, int, int, int, str, str, dict[str, Any]]]:
    """Give process, thread, beginning and end in nanoseconds, name, category and arguments."""
    first = min(
        [asked for _, asked, _ in profile.consumer] + [part.began for part in _parts(profile)],
        default=0.0,
    )

    def at(moment: float) -> int:
        # Whole numbers keep nested slices nested.
        return round((moment - first) * 1e9)

    names = {action.path: action.name for action in profile.actions}
    for record in profile.records:
        number, items = record.ticket + 1, record.items
        args: dict[str, Any] = {"batch": number, "items": items}
        for part in (record, record.away):
            if part is None:
                continue
            place = part.pid, part.tid
            batch = f"batch {number}" if not record.prefix else f"batch {number} before rebatch"
            yield *place, at(part.began), at(part.ended), batch, "batch", args
            for span in part.spans:
                path = record.prefix + span.path
                more = {
                    **args,
                    "step": span.path or "create_batch",
                    "bytes in": span.bytes_in,
                    "bytes out": span.bytes_out,
                    "busy ms": round(span.busy * 1e3, 3),
                    "on a core ms": round(span.cpu * 1e3, 3),
                }
                if span.failed:
                    more["failed"] = True
                yield *place, at(span.began), at(span.ended), names[path], "action", more
            for begin, end in part.waits:
                yield *place, at(begin), at(end), "waiting for its turn", "wait", args
    got_before: tuple[int, float] | None = None
    for ticket, asked, got in profile.consumer:
        if got_before is not None:
            before, since = got_before
            work = f"consumer works on batch {before + 1}"
            yield (
                *profile.consumer_thread,
                at(since),
                at(asked),
                work,
                "consumer",
                {"batch": before + 1},
            )
        args = {"batch": ticket + 1}
        wait = f"consumer waits for batch {ticket + 1}"
        yield *profile.consumer_thread, at(asked), at(got), wait, "consumer", args
        got_before = ticket, got
