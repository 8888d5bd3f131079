"""The types of arrays, for annotations: torch's tensors, and numpy's by what they hold.

A type checker knows them; at run time they stand for anything, so that naming one loads neither library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor as Tensor

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]
else:
    Tensor = Array = Flags = Ints = Any
