"""Streams of made-up seconds: what a stopping rule and its flags are held against. Torch-free."""

import math
import random
from collections.abc import Iterator

from sabench.measure.fake_script import Stream

AR1 = 0.9  # correlation of neighbours
DRIFT_OVER = 100  # samples in which a drifting stream gains `sigma` of its start
MODES_APART = 10.0  # sigmas between the two modes


def stream(kind: Stream, seconds: float, sigma: float, seed: str) -> Iterator[float]:
    """Endless seconds about `seconds`; the same for the same seed on every machine."""
    for factor in _factors(kind, sigma, random.Random(seed)):
        yield seconds * max(1e-3, factor)


def _factors(kind: Stream, sigma: float, draw: random.Random) -> Iterator[float]:
    n, state = 0, draw.gauss(0, 1)
    while True:
        match kind:
            case "constant":
                yield 1.0
            case "white":
                yield 1.0 + sigma * draw.gauss(0, 1)
            case "heavy_tailed":  # log of Pareto's: its mean is far above its median
                yield 1.0 + sigma * (draw.paretovariate(1.5) - 2 ** (1 / 1.5))
            case "drifting":
                yield 1.0 + sigma * (n / DRIFT_OVER + 0.1 * draw.gauss(0, 1))
            case "bimodal":
                slow = draw.random() < 0.5
                yield 1.0 + sigma * (MODES_APART * slow + draw.gauss(0, 1))
            case "ar1":
                yield 1.0 + sigma * state
                state = AR1 * state + math.sqrt(1 - AR1**2) * draw.gauss(0, 1)
        n += 1
