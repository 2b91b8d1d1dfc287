"""What is true in a room and who may change it. Pure: time comes in as an argument."""
