"""One LoRA training run, from ``run.json`` to the adapter with its card.

``command`` is the process, ``trainer`` the loop; the others know one thing each.
"""
