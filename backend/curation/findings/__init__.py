"""What is wrong with records: finding it, showing it, putting it right or leaving it."""
