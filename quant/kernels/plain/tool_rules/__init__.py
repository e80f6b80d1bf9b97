"""The tools' rules in NumPy."""
