"""The formats: how a network becomes a file of each."""
