"""Connections as they were stored before each was sealed as one: two tokens sealed by themselves, the addresses beside
them in clear. Whoever could write to Firestore could change those, so they decide nothing here.

Read only with READ_OLD_RECORDS=yes, while `make admin ARGS=reseal` seals them anew (docs/deploy.md, "Upgrading").
"""

from collections.abc import Mapping, Sequence
from typing import Any

from backend import hosts
from backend.connections.connection import Grant
from backend.connections.vault import sealed_grant
from backend.values import Cipher, Secret, Uid
from contract.calls import LoginHost
from contract.errors import ConnectionLost


class OldRecords:
    """Makes grants of old documents. Of the two tokens only the refresh token is taken over, and only for one of the
    login hosts of the settings: the access token and the instance URL come from Salesforce's answer to its refresh.
    """

    def __init__(self, cipher: Cipher, login_hosts: Sequence[LoginHost]) -> None:
        self._cipher = cipher
        self._login_hosts = login_hosts

    def sealed(self, uid: Uid, document: Mapping[str, Any]) -> bytes | None:
        """The grant of an old document, sealed as a new one's; None when there is none, or it is not to be used."""
        host, token, generation = (document.get(name) for name in ("loginHost", "refreshToken", "generation"))
        if not isinstance(host, str) or not isinstance(token, bytes) or type(generation) is not int:
            return None
        if not any(hosts.allows(allowed.host, host) for allowed in self._login_hosts):
            return None
        try:
            opened = self._cipher.unseal(token, uid=uid, field="refresh_token", generation=generation)
        except ConnectionLost:
            return None
        grant = Grant(host, "", str(document.get("scope") or ""), Secret(""), opened)
        return sealed_grant(uid, generation, grant, self._cipher)
