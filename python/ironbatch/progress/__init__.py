"""Progress bars: round any iterable, for runs of pipelines, with values that change meanwhile."""

from ironbatch.progress.notifier import Notifier, close_notifier, make_notifier, notifier

__all__ = ["Notifier", "close_notifier", "make_notifier", "notifier"]
