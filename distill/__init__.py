"""Training and distillation of the edge network."""
