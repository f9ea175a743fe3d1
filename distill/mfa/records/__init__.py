"""Records of descriptions: their schema, the store, the ledger of requests."""
