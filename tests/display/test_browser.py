"""Pages as a browser draws them, on light and on dark ground."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import ironbatch
from ironbatch import B, Dataset, V, action

NAMES = "chromium", "chromium-browser", "google-chrome"
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed"),
    pytest.mark.timeout(300),
]
image = pytest.importorskip("PIL.Image")


class Scans(ironbatch.Batch):
    components = "images", "labels"

    @action
    def scale(self):
        self.images = self.images * 2.0
        return self


@pytest.fixture
def dataset():
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    return Dataset(40, Scans, preloaded=(images, np.arange(40)))


def browse(page, *options):
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)


def photograph(page, *options):
    target = page.with_suffix(".png")
    browse(page, "--window-size=1100,1200", f"--screenshot={target}", *options)
    with image.open(target) as taken:
        return np.asarray(taken.convert("RGB"), dtype=int)


def test_the_report_is_drawn_on_light_and_dark_ground(dataset, tmp_path):
    page = tmp_path / "report.html"
    pipeline = dataset.p.init_variable("mean").scale().update(V("mean"), B.images.mean())
    pipeline.run(4, prefetch=2, profile=True).report(html=page)
    light = photograph(page)
    dark = photograph(page, "--blink-settings=preferredColorScheme=0")
    assert light[0, 0].min() > 240
    assert dark[0, 0].max() < 60
    for picture in (light, dark):
        lightness = picture.sum(axis=2)
        assert lightness.max() - lightness.min() > 500, "letters can be told from the ground"
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    dom = browse(page, "--dump-dom").stdout
    assert dom.count("<svg") >= 2
    assert re.search("<title>Run report</title>", dom)


def test_thumbnails_are_pictures(dataset, tmp_path):
    batch = dataset.next_batch(6)
    batch.images  # noqa: B018 - loads them
    page = tmp_path / "batch.html"
    page.write_text(
        f"<!DOCTYPE html><meta charset='utf-8'>{batch._repr_html_()}"
        "<script>onload = () => document.title = [...document.images]"
        ".map(one => one.naturalWidth).join()</script>"
    )
    dom = browse(page, "--dump-dom").stdout
    assert "<title>16,16,16,16,16,16</title>" in dom
