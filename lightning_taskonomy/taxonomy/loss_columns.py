"""The column names of a loss table, and the blocks it is read in."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Block = tuple[Sequence[str], Floats]
"""Image keys, (rows,), and their losses, (rows, contenders)."""

IMAGE = "image"
GROUP = "group"
"""The column that groups images that belong together, such as those of a building."""
BLOCK_ROWS = 16_384
"""Images read at a time; few enough that counts over a block fit into two bytes."""
