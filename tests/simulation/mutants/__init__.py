"""Mutants of the product, drawn by a seed and not by hand, to see that the net would catch them (G2)."""
