"""Copies the built demo page into the SDK, where `mf2-edge demo` serves it from.

    python -m bindings.web.demo_page [--built DIR] [--out DIR]

`npm run build` comes first. Models are left out, which the SDK has; so are the WebAssembly builds
that a page of one thread can do without: the one that every browser runs stays.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Final

from mf2_edge.cli.demo_server import PAGE

BUILT: Final = Path(__file__).parent / "dist" / "demo"
FILES: Final = ("index.html", "style.css", "demo.js", "assets/worker.js")
LIBRARY: Final = "mf2-edge.js"
WASM: Final = "assets/wasm/litert_wasm"


def copy_page(built: Path, out: Path) -> None:
    """Write the page in `built` (dist/demo) to the folder `out`, which is made anew.

    With it the library for pages without a bundler, which `mf2-edge export --platform web` hands
    out with the page's assets.
    """
    shutil.rmtree(out, ignore_errors=True)
    copies = {file: file for file in FILES}
    copies[f"{WASM}_compat_internal.wasm"] = f"{WASM}_compat_internal.wasm"
    # LiteRT.js asks for the second where a browser has relaxed SIMD; both load the same .wasm.
    for kind in ("compat_internal", "internal"):
        copies[f"{WASM}_{kind}.js"] = f"{WASM}_compat_internal.js"
    for target, source in copies.items():
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(built / source, out / target)
    shutil.copytree(built / "assets" / "detectors", out / "assets" / "detectors")
    shutil.copyfile(built.parent / "lib" / LIBRARY, out / LIBRARY)


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--built", type=Path, default=BUILT)
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    copy_page(options.built, options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
