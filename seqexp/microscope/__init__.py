"""A look inside the cell: a trained network on one text, every product of its equations, on one HTML page."""
