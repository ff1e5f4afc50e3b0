"""The conversation log: what came in, what was sent, what could not be delivered."""
