"""What functions give that is more than numbers: plain data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Certificate", "Profile"]


class Profile(NamedTuple):
    """What is left of the likelihood where one param is held and all others are fitted anew."""

    name: str
    """The param."""
    estimate: float
    """Its estimate."""
    low: float
    """The lower end of its 95 % interval; -inf where there is none."""
    high: float
    """The upper end; inf where there is none."""
    shape: str
    """What kind of interval it is, in words."""
    bound: float
    """The deviance at the ends."""
    values: npt.NDArray[np.float64]
    """Where it was looked at, ascending."""
    deviances: npt.NDArray[np.float64]
    """Twice the log-likelihood that is lost there."""


class Certificate(NamedTuple):
    """What `verify` found of a program's derivatives."""

    verdict: str
    """What came of it: pass, or FAIL."""
    difference: float
    """The largest relative difference between the gradient and what else computes it."""
    warnings: list[str]
    """What a small move of a constant flips."""
    record: dict[str, Any]
    """All of it, as `dmci verify` writes it."""

    def __bool__(self) -> bool:
        return self.verdict == "pass"
