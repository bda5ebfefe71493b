"""Shelters (避難所): where they are, whether they are open, how full, and who says that they are safe."""
