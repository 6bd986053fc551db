"""Tour videos as their owner sees them."""
