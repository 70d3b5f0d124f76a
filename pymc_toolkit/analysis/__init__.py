"""What follows from a fit: contributions, returns, predictions, diagnostics. Original units."""
