"""Two or more results held against each other: per case, over cases, between devices."""
