"""Fleets: many fits that test one model from several sides, their scores and verdicts."""
