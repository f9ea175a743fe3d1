"""Bundles: built from a checkpoint, and edited afterwards."""
