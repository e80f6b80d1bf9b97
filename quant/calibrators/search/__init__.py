"""What the calibrators that search a range share: candidates, windows, divergences."""
