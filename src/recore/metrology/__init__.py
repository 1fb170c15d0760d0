"""How a thing is measured: arrays in, dataclasses out."""
