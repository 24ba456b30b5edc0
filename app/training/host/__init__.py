"""Many sessions that share one processor: what each is told to do, its slice, and its share."""
