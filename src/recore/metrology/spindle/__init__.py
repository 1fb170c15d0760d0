"""Spindles: error motion, error separation, probe planning."""
