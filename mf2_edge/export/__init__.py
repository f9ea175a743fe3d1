"""An artifact of a bundle, for an app: the file, and code that runs it."""
