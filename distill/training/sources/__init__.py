"""Where the faces of training steps come from: the cache, shards, threads that prepare them."""
