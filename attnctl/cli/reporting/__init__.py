"""What a report, an archive or a paper's table is made of."""
