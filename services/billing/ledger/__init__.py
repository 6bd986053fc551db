"""Double entry: every movement of money, never changed afterwards."""
