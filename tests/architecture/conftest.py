"""Loads Django, which some of these tests ask about the wires and the settings."""

import django

django.setup()
