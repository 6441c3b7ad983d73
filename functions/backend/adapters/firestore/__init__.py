"""What the backend keeps in Cloud Firestore, a store a module. Each needs a client made inside the running event loop.

| module | what it keeps | collections |
| --- | --- | --- |
| `documents.py` | connections | `connections` |
| `tombstones.py` | grants that no connection holds and that are still to be revoked | `tombstones` |
| `blocks.py` | whom an administrator has blocked, in a database of their own | `blocks`, `audit` |
| `audit.py` | the audit record, each entry in the commit of what it tells of | `audit` |
| `creations.py` | which record was made under which idempotency key | `creations` below a connection |
| `usage.py` | requests of users and orgs | `usage` |
| `attempts.py` | counts of failed sign-ins | `attempts` |
| `codes.py` | authorization codes that were taken | `codes` |
| `counting.py` | which additions to counts were made | `writes` |

`fields.py` translates connections and audit entries to the fields of a document and back; `requests.py` sends a request
and says what its failure means; `shared.py` has the names of collections and the span of a request.
"""
