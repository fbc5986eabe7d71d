"""Implementations of `attend(q, k, v, relative, geometry) -> out`."""
