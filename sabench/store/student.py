"""Quantiles of Student's t distribution for whole degrees of freedom."""

import math
from functools import lru_cache


def t_cdf(t: float, degrees: int) -> float:
    """P(T <= t), exact for whole degrees of freedom.

    Source: Abramowitz and Stegun 1964, 26.7.3 (odd) and 26.7.4 (even).
    """
    theta = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(theta), math.cos(theta)
    if degrees % 2:
        term, total = cosine, 0.0
        for k in range(2, degrees, 2):
            total += term
            term *= cosine**2 * k / (k + 1)
        between = 2.0 / math.pi * (theta + sine * total)
    else:
        term, total = 1.0, 0.0
        for k in range(1, degrees, 2):
            total += term
            term *= cosine**2 * k / (k + 1)
        between = sine * total
    return 0.5 + between / 2.0


@lru_cache(maxsize=512)
def t_quantile(probability: float, degrees: int) -> float:
    """The t below which a share `probability` of the distribution lies, by bisection.

    Raises: ValueError outside 0 < probability < 1 or below one degree of freedom.
    """
    if not 0.0 < probability < 1.0 or degrees < 1:
        raise ValueError(f"t quantile of {probability} at {degrees} degrees of freedom")
    low, high = -1.0, 1.0
    while t_cdf(low, degrees) > probability:
        low *= 2.0
    while t_cdf(high, degrees) < probability:
        high *= 2.0
    for _ in range(200):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, degrees) < probability else (low, middle)
    return (low + high) / 2.0
