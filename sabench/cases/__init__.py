"""From a suite file to cases and jobs. Torch-free."""
