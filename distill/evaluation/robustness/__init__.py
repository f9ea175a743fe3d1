"""Accuracy under worse conditions and by properties of the picture."""
