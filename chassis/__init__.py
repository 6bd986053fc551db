"""What every service would otherwise copy; no business word inside."""
