"""One file per family of readings: measure(subject, execution, protocol) -> readings."""
