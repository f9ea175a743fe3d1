"""Records as WebDataset shards: written, indexed, read."""
