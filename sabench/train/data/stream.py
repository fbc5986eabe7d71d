"""Random numbers that are the same in every version of numpy, so that a hash of data holds."""

from zlib import crc32

import numpy as np

from sabench.errors import ConfigError

LARGEST_SEED = 2**32 - 1


def stream(seed: int, purpose: str) -> np.random.RandomState:
    """Draws of their own for each seed and purpose.

    numpy promises the bits of RandomState for good (NEP 19), those of its Generator only for a
    version.
    Raises: ConfigError for a seed that is no 32-bit natural number.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise ConfigError(f"seed={seed} is not allowed: give 0 to {LARGEST_SEED}")
    return np.random.RandomState(np.array([seed, crc32(purpose.encode())]))
