"""One experiment from an int8 model to its findings."""
