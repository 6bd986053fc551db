"""One charge basis per project: card, invoice or free; refunds."""
