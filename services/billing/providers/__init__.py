"""The vendors billing calls: Stripe and Fiken."""
