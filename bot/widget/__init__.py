"""The website widget: its script and its demo page."""
