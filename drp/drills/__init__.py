"""Drills: an activation in isolation, measured, and what is kept of it."""
