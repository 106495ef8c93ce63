"""From a sweep's command line to its runs, and to where they train."""
