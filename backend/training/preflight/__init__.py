"""What is told of a run before it starts; nothing is stored."""
