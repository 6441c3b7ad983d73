"""The org as an authorization server: authorize, token, introspect, and revoke endpoints, and OpenID Connect."""
