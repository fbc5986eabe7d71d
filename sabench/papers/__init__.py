"""Published tables as data, one YAML a paper, and our counts beside their figures."""
