"""`python -m attnctl` runs the command `attnctl`."""

import sys

from attnctl.cli import main

sys.exit(main())
