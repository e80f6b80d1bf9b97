"""Measured errors of an int8 model, each under its name."""
