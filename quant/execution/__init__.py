"""How long work runs: progress, cancelling, and an ordered map over worker threads."""
