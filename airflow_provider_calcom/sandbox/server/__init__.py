"""What each request goes through: gate, faults, routes, authentication, rate limit; and the state it reads."""
