"""The steps of one frame, a module each, and what else is read from a face."""
