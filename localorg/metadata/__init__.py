"""Custom objects, rules, and permissions from Salesforce's metadata files, and records for a new org from data
files.
"""


class MetadataError(Exception):
    """A metadata file cannot be used. The text names the file, the line, and what to do."""


class DataError(Exception):
    """A file with records cannot be used. The text names the file, the line or record, and what to do."""
