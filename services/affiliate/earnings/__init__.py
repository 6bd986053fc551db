"""What a settled payment earns, and what a refund takes back."""
