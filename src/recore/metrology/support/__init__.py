"""What a face of hydraulic supports went through: shears, faults, weighting, risk."""
