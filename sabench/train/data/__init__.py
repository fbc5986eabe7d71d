"""Images and labels to train on: packaged, generated, or read from a path. Never downloaded."""
