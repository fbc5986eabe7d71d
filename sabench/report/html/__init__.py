"""One offline page of one or more runs: charts, a table under each, every record."""
