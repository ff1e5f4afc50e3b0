"""Learning from the log: messages grouped by likeness, patches of the examples and the tests, and what they change."""
