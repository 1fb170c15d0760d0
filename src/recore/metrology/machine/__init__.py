"""Machine tools: positioning, circular tests, thermal behaviour."""
