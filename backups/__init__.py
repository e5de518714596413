"""The backup engine: which side a day belongs to, archives, snapshots, and their way back."""
