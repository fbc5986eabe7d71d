"""Zero-cost scores: one figure of a network from one minibatch, without training."""
