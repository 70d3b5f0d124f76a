"""What each kind of report shows, and in which order."""
