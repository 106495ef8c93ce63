"""From reserved runs to a submitted job array."""
