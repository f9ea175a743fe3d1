"""Export of trained checkpoints as bundles whose every artifact is checked against the network."""
