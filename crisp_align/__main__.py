"""`python -m crisp_align` is `crisp-align`."""

from __future__ import annotations

import sys

from crisp_align.cli import main

if __name__ == "__main__":
    sys.exit(main())
