"""What is kept: the log, the room state, the review queue and the audit trail, in Valkey or Redis."""
