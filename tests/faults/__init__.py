"""`make test-faults`: the applying of plans against every failure of the way, and killed at random moments."""
