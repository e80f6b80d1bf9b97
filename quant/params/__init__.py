"""Ranges, scales and zero points, integer constants, and which clamps they make needless."""
