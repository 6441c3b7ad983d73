"""An org of one's own: objects, rules and permissions from Salesforce's metadata files, and data to begin with."""


class MetadataError(Exception):
    """A file that cannot be understood; the text names file, line and what to do."""


class DataError(Exception):
    """A file with records that cannot be taken; the text names file, line or record, and what to do."""
