"""Billing: prices, payments by card, invoices, and the ledger they all post to."""
