"""The disaster recovery plan: what would be done, who ordered it, doing it, coming back, and the evidence."""
