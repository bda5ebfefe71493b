"""Logging in with an outside OpenID provider: the city as its client."""
