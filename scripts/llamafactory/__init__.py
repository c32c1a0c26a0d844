"""LLaMA-Factory beside our trainer: its environment, the same work for both, what came of it."""
