"""The noise budget: which tensor adds how much to the error of the outputs."""
