"""A stand-in for Stripe: cards, Checkout, refunds and disputes without an account."""
