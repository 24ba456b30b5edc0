"""Training: sessions, the host that shares a processor among them, and where hosts run."""
