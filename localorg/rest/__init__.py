"""The REST API: records, describe, query and search, composite requests."""
