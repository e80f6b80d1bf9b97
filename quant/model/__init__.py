"""A float model, read, prepared and described."""
