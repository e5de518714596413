"""Bringing back by hand what is more than files: a table, a database, a vhost, a whole host."""
