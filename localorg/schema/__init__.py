"""What an org is made of: objects and fields, ids, how text compares. Nothing here knows of an open org."""
