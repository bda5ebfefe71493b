"""Values and standard models shared by every room of the house. Imports nothing of ours."""
