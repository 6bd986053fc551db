"""A mail stand-in that speaks Resend: keeps every mail, shows it, and reports its fate."""
