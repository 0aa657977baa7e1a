"""Draw the pictures of the documentation anew: ``python tests/docs/draw_pictures.py [PAGE ...]``.

The code of a page saves what the page shows from ``docs/pictures``, under the same name; of a page
of HTML that it saves, ``NAME.html``, a photograph is taken with Chromium.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]*\]\((?:\.\./)*pictures/([\w.-]+)\)")


def photograph(html: Path, side: int = 1120) -> None:
    """Take a picture of HTML, without the empty space around it."""
    names = "chromium", "chromium-browser", "google-chrome"
    browser = next((found for name in names if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"a photograph of {html.name} needs Chromium, which is not installed")
    whole = Path("photographed.html")
    content = html.read_text(encoding="utf-8")
    if not content.startswith("<!DOCTYPE"):
        body = '<body style="font-family:sans-serif;background:white;color:black">'
        content = f'<!DOCTYPE html><meta charset="utf-8">{body}{content}'
    whole.write_text(content, encoding="utf-8")
    picture = html.with_suffix(".png")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    size = [f"--window-size={side},2400", f"--screenshot={picture.resolve()}"]
    command = [browser, *options, *size, whole.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(picture) as taken:
        flat = taken.convert("RGB")
    empty = Image.new("RGB", flat.size, "white")
    left, top, right, bottom = ImageChops.difference(flat, empty).getbbox() or (0, 0, *flat.size)
    box = max(left - 8, 0), max(top - 8, 0), min(right + 8, side), bottom + 8
    flat.crop(box).save(picture)


def draw(page: Path) -> None:
    """Run the code of a page and keep the pictures that it shows."""
    text = page.read_text()
    names = set(PICTURE.findall(text))
    if not names:
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        scope: dict[str, object] = {"__name__": "__main__"}
        for block in BLOCK.finditer(text):
            exec(compile(block[1], str(page), "exec"), scope)
        for name in names:
            if not Path(name).exists():
                photograph(Path(name).with_suffix(".html"))
            target = DOCS / "pictures" / name
            target.parent.mkdir(exist_ok=True)
            if name.endswith(".png"):
                with Image.open(name) as picture:
                    flat = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
                flat.save(target, optimize=True)
            else:
                target.write_bytes(Path(name).read_bytes())
            print(f"{target.relative_to(DOCS)}: {target.stat().st_size} bytes")
        os.chdir(DOCS)


if __name__ == "__main__":
    chosen = [Path(name).resolve() for name in sys.argv[1:]]
    for each in chosen or sorted(DOCS.rglob("*.md")):
        draw(each)
