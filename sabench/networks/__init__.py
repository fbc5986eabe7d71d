"""Modules built from the catalogue's plans."""
