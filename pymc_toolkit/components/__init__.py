"""The pieces of a media mix model, each as data plus a numpy function.

A component names its parameters, their default priors and units, and evaluates itself on draws of
those parameters. The Bayesian engine builds the same component from pymc-marketing by name; a test
holds the two against each other.
"""
