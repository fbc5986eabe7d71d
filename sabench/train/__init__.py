"""Estimates of accuracy: what a network is worth before or after a little training."""
