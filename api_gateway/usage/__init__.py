"""Who uses the city how much: limits and quotas, counts, and the yearly report."""
