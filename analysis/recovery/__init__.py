"""Win accuracy back: what a good engineer tries, in order, each step measured."""
