"""The model server: the OpenAI protocol over HTTP, with vLLM's names for adapters and tokens.

Knows HTTP and the engine's queue; computes nothing itself.
"""
