"""Draw the pictures of the documentation anew: ``python tests/docs/draw_pictures.py [PAGE ...]``.

The code of a page saves what the page shows from ``docs/pictures``, under the same name.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]*\]\((?:\.\./)*pictures/([\w.-]+)\)")


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
