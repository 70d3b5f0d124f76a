"""Whether data can carry a model, whether a fit can be believed, and which channels it knows."""
