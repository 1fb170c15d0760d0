"""Recore: from raw inspection evidence to a passport that anyone can recompute."""

__version__ = "0.1.0"
