"""The client's report: what media earned, whether to believe it, what to do with the budget."""
