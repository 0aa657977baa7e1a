import re
import time

import pytest

import ironbatch
from ironbatch import B, Pipeline, V
from ironbatch.pipeline import Profile

EVIL = "<script>alert('x')</script>"


@pytest.fixture
def run(dataset, tmp_path):
    """Run a pipeline and give the report, as a text and as a page."""

    def do(pipeline, *args, **kwargs):
        pipeline.run(*args, **kwargs, profile=True)
        path = tmp_path / "report.html"
        report = pipeline.report(html=path)
        return report, path.read_text(encoding="utf-8")

    return do


def test_the_page_says_what_the_report_says(dataset, run, read_page):
    report, html = run(dataset.p.wait(0.01), 1, n_iters=8)
    text = read_page(html).text
    for part in (*report.lines[1:], *report.advice, report.limit, "8 batches, 8 items"):
        assert part in text


def test_the_page_needs_nothing_else(dataset, run, read_page):
    _, html = run(dataset.p.wait(0.001), 1, n_iters=4, prefetch=2)
    page = read_page(html)
    assert not {"script", "link", "iframe", "img", "a"} & page.tags
    assert not re.search(r"https?:|url\(|@import", html)
    assert "color-scheme:light dark" in html


def test_every_action_has_a_row_and_a_time_in_the_plan(dataset, run, read_page):
    _, html = run(dataset.p.wait(0.01).init_variable("n").update(V("n"), B.size), 1, n_iters=4)
    text = read_page(html).text
    assert "0.wait" in text
    assert "1.update" in text
    plan = html[html.index("The plan") :]
    assert re.search(r"\d+%, [\d.]+ m?s a call", plan)


def test_workers_and_the_consumer_have_lanes(dataset, run):
    _, html = run(dataset.p.wait(0.01), 1, n_iters=8, prefetch=2)
    chart = html[html.index("Who did what") : html.index("The plan")]
    assert chart.count("ironbatch-worker") == 2
    assert ">consumer<" in chart
    assert chart.count("<title>wait, batch") == 8


def test_a_long_run_is_drawn_in_part_and_says_so(dataset, run):
    _, html = run(dataset.p.do_nothing(), 1, n_epochs=200)
    assert "pipeline.trace(path) writes all of them" in html
    assert len(html) < 500_000


def test_steps_before_rebatch_have_their_times(dataset, run):
    _, html = run(dataset.p.wait(0.01).rebatch(4), 1, n_iters=8)
    assert "rebatch/0.wait" in html
    assert "a call" in html[html.index("The plan") :]


def test_failures_are_listed(dataset, run, read_page):
    def fail(item):
        if item:
            raise ValueError(EVIL)
        return item

    pipeline = dataset.p.apply_parallel(fail, src="indices", dst="x", target="for")
    _, html = run(pipeline, 2, n_iters=2, on_error="skip")
    page = read_page(html)
    assert "Items that failed: 3" in page.text
    assert EVIL in page.text
    assert "script" not in page.tags


def test_names_of_users_are_no_markup(dataset, run, read_page):
    pipeline = dataset.p.call(lambda batch: None, EVIL)
    pipeline = Pipeline(pipeline=pipeline, config={EVIL: EVIL})
    _, html = run(pipeline, 2, n_iters=2)
    page = read_page(html)
    assert EVIL in page.text
    assert "script" not in page.tags


def test_without_a_measured_run_there_is_no_page(dataset, tmp_path):
    with pytest.raises(RuntimeError, match="profile=True"):
        dataset.p.report(html=tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_a_run_without_batches_has_a_page(tmp_path):
    pipeline = ironbatch.Pipeline()
    pipeline.profile = Profile()
    pipeline.report(html=tmp_path / "page.html")
    assert "the run has yielded no batch" in (tmp_path / "page.html").read_text()


def test_a_folder_that_is_not_there(dataset, tmp_path):
    pipeline = dataset.p.do_nothing().run(1, n_iters=1, profile=True)
    with pytest.raises(OSError, match=r"there is no such folder.*nowhere"):
        pipeline.report(html=tmp_path / "nowhere" / "page.html")


def test_a_notebook_shows_the_report(dataset, run, read_page):
    report, _ = run(dataset.p.wait(0.01), 1, n_iters=4)
    text = read_page(report._repr_html_()).text
    assert report.advice[0] in text
    assert report.lines[0] in text


def test_the_page_is_written_quickly(dataset, run):
    pipeline = dataset.p.do_nothing().do_nothing()
    pipeline.run(1, n_epochs=300, profile=True)
    began = time.perf_counter()
    run(pipeline, 1, n_iters=1)
    assert time.perf_counter() - began < 5
