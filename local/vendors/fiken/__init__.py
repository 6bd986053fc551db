"""A stand-in for Fiken: contacts, invoices, credit notes and payments of one company."""
