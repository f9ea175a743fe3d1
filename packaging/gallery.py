"""The pictures of docs/gallery.md, made by the commands that stand there.

    python packaging/gallery.py

Needs Chromium for the pictures of pages. The video is the sample portrait, drifting and dimming.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import cv2
import numpy as np
from PIL import Image

import mf2_edge
from mf2_edge.io.image_file import read_image

ROOT: Final = Path(__file__).parents[1]
OUT: Final = ROOT / "docs" / "gallery"
PORTRAIT: Final = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
FRAMES: Final = 100
WIDTHS: Final = {"phone": 390, "desk": 1280}
"""Of a page's picture, CSS pixels."""
HEIGHT: Final = 1400
COLOURS: Final = 96
"""Of a picture's palette: pages have few, and the files stay small."""


def main() -> int:
    """Run the command; returns the exit code."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.stderr.write("chromium is not installed: apt-get install chromium\n")
        return 2
    OUT.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        work = Path(folder)
        _sdk("mf2_edge", "report", _video(work / "clip.mp4"), "--html", work / "report.html")
        _sdk("mf2_edge.bench", "--device", "iphone", "--html", work / "bench.html")
        for page in ("report", "bench"):
            for name, width in WIDTHS.items():
                shot = work / f"{page}-{name}.png"
                _photograph(browser, work / f"{page}.html", shot, width)
                _reduce(shot, OUT / shot.name)
    return 0


def _sdk(module: str, *arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True)  # noqa: S603


def _video(path: Path) -> Path:
    portrait = read_image(PORTRAIT)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (480, 360))
    for number in range(FRAMES):
        left = number // 3
        view = portrait[:360, left : left + 480].astype(np.float32)
        view *= 1 - 0.6 * number / FRAMES
        writer.write(np.ascontiguousarray(view[..., ::-1]).astype(np.uint8))
    writer.release()
    return path


def _photograph(browser: str, page: Path, picture: Path, width: int) -> None:
    options = ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=4000")
    window = f"--window-size={width},{HEIGHT}"
    command = [browser, *options, window, f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


def _reduce(source: Path, target: Path) -> None:
    with Image.open(source) as image:
        image.convert("RGB").quantize(COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
