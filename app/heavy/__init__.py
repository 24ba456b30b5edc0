"""Heavy work, in a few processes of its own: the pool, a child of it, and what runs there."""
