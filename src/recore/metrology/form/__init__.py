"""Straightness, flatness, cylindricity and sphericity with the minimum zone proven."""
