"""What tests share."""

import os
import random

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, whose seed is printed, and is DMCI_SEED where that is set."""
    seed = int(os.environ.get("DMCI_SEED", random.randrange(2**32)))
    print(f"DMCI_SEED={seed}")
    return np.random.default_rng(seed)
