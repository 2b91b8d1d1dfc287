"""`python -m chat`, the same program as `hearth`."""

import sys

from chat.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
