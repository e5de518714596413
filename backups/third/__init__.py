"""The third copy: repositories in an S3-compatible store, sealed here, locked there."""
