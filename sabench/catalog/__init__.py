"""The rows: layers, networks, metrics, runtimes, launchers. Torch-free."""
