"""`attnctl bench`: which networks are measured in turn, and the measurements, which an interruption keeps."""
