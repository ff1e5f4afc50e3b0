"""The people who work with the log: accounts, sign-in, sessions, and the record of what they did."""
