"""Replicas: on a twin, a running copy of each of production's database servers, a moment behind it."""
