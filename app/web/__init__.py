"""What every request passes: bounds for connections, addresses and streams, origins, access."""
