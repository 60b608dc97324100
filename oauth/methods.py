"""How clients may prove who they are at the token endpoint."""

from __future__ import annotations

from typing import Final

AUTH_METHODS: Final = ("none", "client_secret_post", "client_secret_basic")
"""What a registration may choose."""
KEY_METHOD: Final = "private_key_jwt"
"""What a client may use whose keys can be had: from its own document, or from the settings."""
SECRET_METHODS: Final = ("client_secret_basic", "client_secret_post")
"""How a service shows its secret."""
