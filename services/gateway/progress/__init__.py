"""What browsers see while work is running: the workspace's facts as server-sent events."""
