"""Seeded physics for demo, tutorials and tests: knows the world, not the methods that measure it."""
