"""Data in, statistics of every tensor out: collected in one pass, mergeable, kept in a file."""
