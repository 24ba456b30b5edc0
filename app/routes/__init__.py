"""Routes: they translate between the wire and the training side, and decide nothing."""
