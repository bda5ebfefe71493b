"""The catalogue: which data sets the city has, whose they are, how good they are, who feeds and who takes them."""
