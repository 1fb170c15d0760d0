"""Boxes of parts into one container."""
