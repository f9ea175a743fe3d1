"""Reports of the bench as a table, a page, a picture."""
