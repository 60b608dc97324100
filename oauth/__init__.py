"""Who may come in: registration, consent, grants, tokens and keys, and the check of every bearer token."""
