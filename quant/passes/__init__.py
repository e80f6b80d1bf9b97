"""Changes to a graph, one a file. Each works in place on a clone and says whether it changed it."""
