"""What ``make gpu-check`` checks and measures."""
