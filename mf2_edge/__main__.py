"""`python -m mf2_edge` is the command `mf2-edge`."""

from __future__ import annotations

import sys
from multiprocessing import freeze_support

from mf2_edge.cli.main import main

if __name__ == "__main__":
    freeze_support()  # of a frozen program, whose child processes start here too
    sys.exit(main())
