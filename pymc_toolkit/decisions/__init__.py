"""What to do next: future spend, what it would bring, and how to divide it among channels."""
