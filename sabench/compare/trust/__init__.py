"""How far an indicator of accuracy is to be trusted: rank agreement with a training in full."""
