"""What production wrote after the recovery point, and nobody has but its own old data: listed, never touched."""
