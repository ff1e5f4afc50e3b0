"""The ways into the service, one file each."""
