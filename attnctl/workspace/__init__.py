"""The workspace on disk: its layout, the records in it and how they are read."""
