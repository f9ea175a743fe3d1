"""Where the faces of training steps come from: the cache, shards, processes that prepare them."""
