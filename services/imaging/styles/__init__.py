"""Styles and room types: what a photo is and what it shall become."""
