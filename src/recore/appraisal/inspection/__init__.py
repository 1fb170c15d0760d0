"""Guided inspection: check-lists made of rule rows, and what an inspector's answers come to."""
