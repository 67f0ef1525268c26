"""What is measured: each file gives `ROWS`."""
