"""Personal data: who allowed what to whom, on which ground something was disclosed, and the one gate it passes."""
