"""Calling navigators where they are: alerts that go out by webhook and e-mail until somebody acknowledges them."""
