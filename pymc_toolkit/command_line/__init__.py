"""The parts of the command line: a client's settings, and what is done with them."""
