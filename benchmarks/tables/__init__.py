"""Tables of the documentation, made from the results alone."""
