"""The graph with its nodes placed."""
