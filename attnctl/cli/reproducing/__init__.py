"""`attnctl reproduce`: a whole paper as a graph of runs, what it costs, and which runs come first."""
