"""Run the rows of all `benches/bench_*.py` modules and print the table."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import platform
from pathlib import Path

import benches
from benches.row import Measured, Row


def collect(areas: list[str]) -> list[Row]:
    """Find the rows of all modules, or those of some areas."""
    rows: list[Row] = []
    for module in sorted(pkgutil.iter_modules(benches.__path__), key=lambda info: info.name):
        if module.name.startswith("bench_"):
            rows.extend(importlib.import_module(f"benches.{module.name}").ROWS)
    return [row for row in rows if not areas or row.area in areas]


def plot(results: list[tuple[Row, Measured]], path: Path) -> None:
    """Draw every row as its share of the bar; 1 is the bar, more is better."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.35 * len(results) + 1))
    axes = figure.subplots()
    shares = [
        measured.median / row.bar if row.better == "higher" else row.bar / measured.median
        for row, measured in results
    ]
    axes.barh([f"{row.area}: {row.work}" for row, _ in results], shares)
    axes.axvline(1.0, color="black")
    axes.set_xscale("log")
    axes.set_xlabel("share of the bar reached (1 = the bar)")
    axes.invert_yaxis()
    figure.savefig(path, bbox_inches="tight")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("areas", nargs="*", help="only these areas")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--plot", type=Path, help="draw the results into this picture")
    options = parser.parse_args()
    results: list[tuple[Row, Measured]] = []
    print(f"{platform.machine()}, Python {platform.python_version()}")
    print("| area | work | peer | bar | measured (quartiles) | reached |")
    print("|---|---|---|---|---|---|")
    for row in collect(options.areas):
        measured = row.measure()
        results.append((row, measured))
        sign = ">=" if row.better == "higher" else "<="
        print(
            f"| {row.area} | {row.work} | {row.peer} | {sign} {row.bar:g} {row.unit} "
            f"| {measured.median:.3g} ({measured.low:.3g} to {measured.high:.3g}) {row.unit} "
            f"| {'yes' if row.reached(measured) else 'NO'} |",
            flush=True,
        )
    if options.json:
        options.json.write_text(
            json.dumps(
                [
                    {
                        "area": row.area,
                        "work": row.work,
                        "peer": row.peer,
                        "bar": row.bar,
                        "better": row.better,
                        "unit": row.unit,
                        "median": measured.median,
                        "quartiles": [measured.low, measured.high],
                        "reached": row.reached(measured),
                    }
                    for row, measured in results
                ],
                indent=1,
            )
        )
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
