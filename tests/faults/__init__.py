"""`make test-faults`: apply plans with every network failure injected, and kill runs at random moments."""
