"""Machine tools: what is done about the faults that positioning and circular tests show."""
