"""The catalogue of tracks a film may use."""
