"""How well a base model, what is in production and a candidate answer the same questions."""
