"""Many sessions that share one processor: their commands, their rounds, their turns."""
