"""Frames and files: images and videos in, pictures and whole files out."""
