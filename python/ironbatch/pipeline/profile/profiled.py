"""The part of a pipeline that tells where its latest run has spent its time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ironbatch.extras import need
from ironbatch.pipeline.profile.profile import Profile

if TYPE_CHECKING:
    from ironbatch.pipeline.profile.report import Report

__all__ = ["Profiled"]


class Profiled:
    """What can be asked after a run with ``profile=True``, or while it goes on."""

    profile: Profile | None

    def _profiled(self) -> Profile:
        if self.profile is None:
            raise RuntimeError("nothing was measured; run the pipeline with profile=True")
        return self.profile

    def report(self, html: Any = None) -> Report:
        """Say in words where the time went, and what would help.

        Parameters
        ----------
        html : path, optional
            Where to write the report as a page that needs no other file: with a table of actions,
            a chart of who did what when, and the plan as a graph. It is written as a whole or not
            at all.

        Returns
        -------
        Report
            It prints as text; its attributes hold the same for programs.

        Raises
        ------
        RuntimeError
            If no run was measured.
        OSError
            If the page cannot be written.
        """
        from ironbatch.pipeline.profile.report import make_report

        made = make_report(self._profiled())
        if html is not None:
            from ironbatch.pipeline.profile.page import write_page

            write_page(self, self._profiled(), made, html)
        return made

    def trace(self, path: Any) -> None:
        """Write what every thread and process did when, as a file that Perfetto opens.

        Parameters
        ----------
        path : path
            A JSON file in Chrome's trace event format; it is written as a whole or not at all. Drop
            it on https://ui.perfetto.dev or open it in ``chrome://tracing``.

        Raises
        ------
        RuntimeError
            If no run was measured.
        """
        from ironbatch.pipeline.profile.trace import write_trace

        write_trace(self._profiled(), path)

    @property
    def profile_info(self) -> Any:
        """A DataFrame with a row for each action of each of the latest batches; None without.

        Its index is the action, ``iter`` and ``batch_id`` count batches from 1 and 0,
        ``total_time`` says how long the action was busy. The other columns are those of
        `ActionTime`; ``start`` is by `time.perf_counter`.
        """
        if self.profile is None:
            return None
        return _frame(self.profile.rows()).set_index("action")

    def show_profile_info(
        self,
        per_iter: bool = False,
        detailed: bool = False,
        groupby: str | Sequence[str] | None = None,
        columns: str | Sequence[str] | None = None,
        sortby: Any = None,
        limit: int | None = None,
    ) -> Any:
        """Give a table of times.

        Parameters
        ----------
        per_iter : bool
            Whether each batch has rows of its own, rather than sum, mean and maximum over all.
        detailed : bool
            Whether functions are shown too; needs a run with ``profile=2``.
        groupby : str or sequence of str, optional
            Columns that make up a row: ``'action'``, with `per_iter` ``'iter'`` before it, with
            `detailed` ``'id'`` after it.
        columns : str or sequence of str, optional
            What is shown: ``'total_time'``, or with `detailed` ``'ncalls'``, ``'tottime'`` and
            ``'cumtime'``.
        sortby : str or tuple, optional
            What rows are sorted by, the largest first: a column, which without `per_iter` means its
            sum, or a column and one of ``'sum'``, ``'mean'``, ``'max'``.
        limit : int, optional
            How many rows there are at most; with `detailed` for each action, and 10 by default.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        RuntimeError
            If no run was measured, or not in detail.
        ValueError
            If a column is unknown.
        """
        profile = self._profiled()
        frame = _frame(profile.calls() if detailed else profile.rows())
        if frame.empty:
            raise RuntimeError(
                "functions were not measured; run the pipeline with profile=2"
                if detailed
                else "the run has made no batch"
            )
        groups = _listed(groupby) or ["iter"] * per_iter + ["action"] + ["id"] * detailed
        shown = _listed(columns) or (["ncalls", "tottime", "cumtime"] if detailed else _TIME)
        unknown = [name for name in (*groups, *shown) if name not in frame.columns]
        if unknown:
            raise ValueError(
                f"there is no column {unknown[0]!r}, only {', '.join(map(repr, frame.columns))}"
            )
        by: Any = sortby or ("tottime" if detailed and "tottime" in shown else shown[0])
        grouped = frame.groupby(groups, sort=False)[shown]
        if per_iter:
            table = grouped.mean(numeric_only=True)
        else:
            table = grouped.agg(["sum", "mean", "max"])
            by = (by, "sum") if isinstance(by, str) else tuple(by)
        if by not in table.columns:
            raise ValueError(f"rows cannot be sorted by {by!r}, only by {list(table.columns)}")
        table = table.sort_values(by, ascending=False, kind="stable")
        outer = [name for name in ("iter",) if name in groups]
        if detailed and "action" in groups:
            outer.append("action")
        if outer and len(groups) > len(outer):
            table = table.sort_index(level=outer, sort_remaining=False, kind="stable")
        limit = 10 if detailed and limit is None else limit
        if limit is not None:
            table = table.groupby(level=outer).head(limit) if detailed else table.head(limit)
        return table


_TIME = ["total_time"]


def _listed(names: str | Sequence[str] | None) -> list[str]:
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)


def _frame(rows: Any) -> Any:
    pandas = need("pandas", extra="tables", what="a table of times")
    return pandas.DataFrame(list(rows))
