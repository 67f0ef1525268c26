"""What `make bench` runs: our rate against the bare limit, both measured in the same run."""
