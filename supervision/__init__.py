"""Checks of hosts by tools that others wrote, and what is done with their results."""
