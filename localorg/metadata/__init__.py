"""An org of one's own: objects, rules and permissions from Salesforce's metadata files, and data to begin with."""
