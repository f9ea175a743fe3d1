"""Checks of every artifact against its network, and the goldens."""
