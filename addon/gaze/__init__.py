"""Whom the character looks at while it speaks: an object of the scene."""
