"""Which visual tasks help which: task networks, transfers, and the program that picks what to label.

Importing this package imports nothing else, so that ``taxonomy`` commands start without torch.
"""

__version__ = "0.1.0"
