"""`bot doctor`: what whoever runs the service wants to know before families write."""
