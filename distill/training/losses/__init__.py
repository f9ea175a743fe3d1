"""The losses of training, and the one place where they are assembled."""
