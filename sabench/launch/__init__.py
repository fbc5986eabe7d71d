"""Starts jobs, watches them and writes down how each ended. Torch-free."""
