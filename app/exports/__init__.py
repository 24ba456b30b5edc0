"""What one can take away of a run, and what one can bring: files, programs, a report."""
