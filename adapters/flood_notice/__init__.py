"""Flood notices of the weather agency and of those who look after rivers and dams."""
