"""Heads that are made of a sentence."""
