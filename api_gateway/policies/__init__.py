"""A municipality's own policies as versions: drafted, tested, activated and rolled back, each with who and why."""
