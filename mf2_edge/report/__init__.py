"""The report about the faces of a video: one HTML page."""
