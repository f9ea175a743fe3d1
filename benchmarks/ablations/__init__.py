"""What each part of a network, or of its training, brings."""
