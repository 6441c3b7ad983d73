"""What the backend keeps in Cloud Firestore, a store a module. Each needs a client made inside the running event loop.

| module | what it keeps | collections |
| --- | --- | --- |
| `documents.py` | connections, whom an administrator has blocked, the audit record | `connections`, `blocks`, `audit` |
| `creations.py` | which record was made under which idempotency key | `creations` below a connection |
| `usage.py` | requests of users and orgs | `usage` |
| `attempts.py` | counts of failed sign-ins | `attempts` |
| `codes.py` | authorization codes that were taken | `codes` |

`fields.py` translates connections and audit entries to the fields of a document and back; `shared.py` has the names of
collections, spans, and how a long query is read.
"""
