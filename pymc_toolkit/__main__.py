"""``python -m pymc_toolkit`` is the command line."""

import sys

from pymc_toolkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
