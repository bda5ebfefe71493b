"""The compiler of the engine's kernels, and a generator of random numbers whose whole state is one array cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Stands for "no limit" in minutes and in cost: far above any day, far below where doubles lose a second.
NEVER = 1e9
# Two times or costs nearer than this are equal: sums of square roots differ in their last bits by the order of adding.
SAME = 1e-7


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """`function` as machine code, kept on disk between runs; it releases the interpreter while it runs."""
    return cast(Callable[Parameters, Result], numba.njit(cache=True, nogil=True)(function))


@compiled
def draw(state: NDArray[np.uint64]) -> float:
    """The next number of [0, 1) (xorshift64*); `state` holds one non-zero number and is advanced."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def below(state: NDArray[np.uint64], bound: int) -> int:
    """The next whole number of 0 … `bound` - 1."""
    return int(draw(state) * bound)


@compiled
def shuffle(state: NDArray[np.uint64], values: NDArray[np.int32], count: int) -> None:
    """Put the first `count` of `values` in random order, in place."""
    for i in range(count - 1, 0, -1):
        j = below(state, i + 1)
        values[i], values[j] = values[j], values[i]
