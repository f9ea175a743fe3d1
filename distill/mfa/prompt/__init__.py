"""What is asked about a face, and descriptions from labels alone."""
