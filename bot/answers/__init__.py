"""Approved answers: what may be said, in which revision, and who published it."""
