"""Proof: a twin brings each new recovery point up in a closed room, looks at all of it, and keeps the evidence."""
