"""A Salesforce org on your machine: OAuth 2.0 with PKCE, REST and SOQL over SQLite, for tests and learning."""

from localorg.embedded import EmbeddedOrg
from localorg.org import Org
from localorg.settings import OrgSettings

__all__ = ["EmbeddedOrg", "Org", "OrgSettings"]
