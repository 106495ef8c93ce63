"""What a rank needs around its training: its identity, the rendezvous, the process group, and failure records."""
