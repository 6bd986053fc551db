"""Norwegian invoices: lines, drafts, delivery through Fiken, settlement."""
