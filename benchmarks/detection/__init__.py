"""Face detection, measured on composed frames with known faces, on pictures without faces, in time."""
