"""A run in its folder, many runs as a figure, and what is kept of them."""
