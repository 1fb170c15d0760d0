"""Export eligibility, landed cost, tax refund, loading and finance of used machines."""
