"""A user's own labels, and a head learned from them over a frozen MF²."""
