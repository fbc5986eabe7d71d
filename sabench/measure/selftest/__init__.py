"""Does the instrument tell the truth here? Checks that are run in a child, and judged outside."""
