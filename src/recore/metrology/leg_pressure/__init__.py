"""Leg pressures of hydraulic supports: from the rows of a log to load cycles."""
