"""Hydraulic supports: what can be done about their components, and when."""
