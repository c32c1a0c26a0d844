"""What keeps a start from going on, said to the person who typed the command."""


class StartProblem(Exception):
    """The start cannot go on; the message is one sentence that says what to do."""
