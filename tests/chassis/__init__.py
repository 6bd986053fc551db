"""Tests of what every service would otherwise copy."""
