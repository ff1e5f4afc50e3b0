"""The navigators' console: pages for staff who are signed in."""
