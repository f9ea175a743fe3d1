"""Records read against their labels, counted and drawn."""
