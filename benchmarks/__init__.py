"""Measures the product beside what others would use, in one run; not part of the tests."""
