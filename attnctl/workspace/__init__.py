"""The workspace on disk: its layout, its records and their readers."""
