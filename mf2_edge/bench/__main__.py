"""`python -m mf2_edge.bench` is the command `mf2-edge bench`."""

from __future__ import annotations

import sys

from mf2_edge.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["bench", *sys.argv[1:]]))
