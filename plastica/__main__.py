"""`python -m plastica` is the command line."""

import sys

from plastica.cli import main

sys.exit(main())
