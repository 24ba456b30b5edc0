"""Sessions that train: pure and synchronous. `host/` drives many, `workers/` is where hosts run."""
