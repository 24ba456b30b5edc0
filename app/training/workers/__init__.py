"""Where hosts run: worker processes or this one, and the driver that talks to each."""
