"""Power meters at a building's connection to the grid (受電点の電力計)."""
