"""Networks that others published, measured beside ours."""
