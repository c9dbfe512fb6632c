"""Several lines on one time line, and several characters: chained takes, fixed ends, listeners."""
