"""Teachers: ensembles of trained networks, bundles, and their outputs in files."""
