"""Subscriptions and registrations (ETSI GS CIM 009, 5.8, 5.9, 5.11): what they say, whom they concern, what is told."""
