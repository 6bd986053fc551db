"""The company a member works for."""
