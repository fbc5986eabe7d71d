"""Base and candidate measured in one job, and what may be said of the difference."""
