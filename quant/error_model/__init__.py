"""What quantizing a tensor must cost, from its statistics alone."""
