"""Separation of the form of an artefact from the error motion of a spindle.

One model serves all methods here: each harmonic k of each averaged reading is a linear combination of few unknowns
(artefact form, spindle motion), solved by least squares with the conjugate transpose.
"""
