"""Which channel drives which: a posterior over acyclic graphs, from the channels' series alone."""
