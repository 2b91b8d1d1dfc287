"""What travels between client and server: typed commands, replies and events, and their bytes. Pure."""
