"""What is shown: the table model, what fills it, and one file for each output format."""
