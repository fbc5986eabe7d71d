"""Benchmarks of spatial layers for vision networks."""

__version__ = "0.1.0"
