"""Other libraries' layers with our weights: `adapt(layer) -> nn.Module`, the same function."""
