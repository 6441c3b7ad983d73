"""How a sign-in begins, before the app opens Salesforce's authorize page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BeginSignIn:
    """A sign-in that is about to begin: where, the redirect URI, and the S256 code challenge of its PKCE verifier
    (RFC 7636 section 4.2).
    """

    login_host: str
    redirect_uri: str
    code_challenge: str


@dataclass(frozen=True, slots=True, repr=False)
class Begun:
    """What a sign-in takes along, so that its tokens are good with one key only (DPoP, RFC 9449).

    `dpopJkt` is the thumbprint of the key, the `dpop_jkt` of the authorize page; `begun` holds the key, sealed for this
    one sign-in, and goes back with its code within ten minutes. Both are left out where this backend binds no tokens.
    """

    dpop_jkt: str | None = None
    begun: str | None = None
