"""Scripts that measure, the results they wrote, and the tables made of the results."""
