"""A user's table of labels and pictures, checked before anything is learned from them."""
