"""Cal Video's sessions for a plan: fetched for undecided bookings alone, and kept, so that none is fetched twice."""
