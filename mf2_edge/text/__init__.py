"""Descriptions of a face in words."""
