"""The chat for websites: its script and the page for trying it."""
