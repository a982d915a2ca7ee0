"""The functions of the pricing team; one module each."""
