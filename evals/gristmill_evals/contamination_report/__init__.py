"""What a scan found: counted while it goes on, then told on one page and in plain data."""
