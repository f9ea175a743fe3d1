"""One reader a data set, each for its official layouts."""
