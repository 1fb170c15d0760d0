"""What selling a used machine takes: grading, eligibility, duties, loading, finance."""
