"""Stand-ins for vendors we cannot reach: they speak the wire protocols, so real clients run."""
