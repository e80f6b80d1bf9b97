"""A model opened: read, prepared, compared with its file."""
