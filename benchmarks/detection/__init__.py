"""Face detection: recall on composed frames, false faces on pictures without any, and price."""
