"""What other tools compute from batches, from streamed statistics instead."""
