"""Lets the operator decide in the very browser that shows the code: sign-in, sessions and consent, for hosts without a screen."""
