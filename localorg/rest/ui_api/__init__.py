"""The User Interface API: objects, records, and lists with the values that people read, and favorites.

Source: User Interface API Developer Guide.
"""
