"""Faces over time: tracks, smoothing, a resting face as baseline."""
