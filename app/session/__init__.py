"""What the user chose: frozen values and the pure functions that change them."""
