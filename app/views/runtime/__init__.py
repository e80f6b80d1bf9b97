"""The Runtime page."""
