"""Marks the sentences of ``ml/`` that are shown to people, so that ``scripts.messages`` finds them.

They stay English here; whoever shows one translates it.
"""


def told(sentence: str) -> str:
    """``sentence`` itself."""
    return sentence
