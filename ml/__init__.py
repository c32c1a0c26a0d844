"""Tuning and serving of language models: plain Python that knows nothing of the web side."""
