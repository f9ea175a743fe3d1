"""Aligned faces: pictures read, kept, augmented, and dealt in batches."""
