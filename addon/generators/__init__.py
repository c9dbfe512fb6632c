"""Which generator performs the line, and the published weights that one needs."""
