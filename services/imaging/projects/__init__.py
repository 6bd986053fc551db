"""Photo projects: a home's photos that are paid for and enhanced together."""
