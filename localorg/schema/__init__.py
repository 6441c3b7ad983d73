"""The building blocks of an org's schema: objects and fields, record ids, text comparison. They need no open org."""
