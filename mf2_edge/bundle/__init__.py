"""Bundles and their manifests: the schema, reading, checking."""
