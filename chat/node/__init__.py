"""What runs: sessions and rooms of this process, and the whole way in from a command to the store."""
