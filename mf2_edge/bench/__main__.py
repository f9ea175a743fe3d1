"""`python -m mf2_edge.bench`."""

from __future__ import annotations

import sys

from mf2_edge.bench.command import main

if __name__ == "__main__":
    sys.exit(main())
