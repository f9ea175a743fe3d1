"""TFLite files, in float32, float16 and 8-bit integers."""
