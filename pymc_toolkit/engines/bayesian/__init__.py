"""The Bayesian engine: pymc-marketing builds the model, nutpie samples it."""
