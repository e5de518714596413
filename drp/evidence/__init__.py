"""What stands behind a report, so that anybody can check it: journals to the byte, orders, keys, heads."""
