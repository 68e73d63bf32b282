"""``python -m lightning_taskonomy``."""

import sys

from lightning_taskonomy.cli import main

sys.exit(main())
