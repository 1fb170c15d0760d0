"""What the hour meters of machines say about themselves: rollbacks, resets, exchanged meters."""
