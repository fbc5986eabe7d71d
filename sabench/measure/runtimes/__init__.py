"""How a subject is executed."""
