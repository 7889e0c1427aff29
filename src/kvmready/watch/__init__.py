"""Live use of the host and its guests: counters at two moments turned into rates, and what is promised twice."""
