"""The vendor that generates clips, and how its answers are trusted."""
