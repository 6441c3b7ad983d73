"""The User Interface API: objects, records, and lists with the values that people read.

Source: User Interface API Developer Guide. Favorites are refused (`refused_apis.py`).
"""
