"""What a rank needs around its training: its place among the others, their group, and how it ends."""
