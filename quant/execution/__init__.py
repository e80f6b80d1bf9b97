"""How long work runs: progress, cancelling, workers, and what is kept of it."""
