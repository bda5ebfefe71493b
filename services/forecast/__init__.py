"""River levels some hours ahead, each with an interval, learned from the city's own record."""
