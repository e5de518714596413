"""The stream: binary log and WAL, sealed on production, kept on both sides, and brought back to any instant."""
