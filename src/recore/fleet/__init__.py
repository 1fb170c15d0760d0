"""Machines at scale: telematics, live chunks, derived tables."""
