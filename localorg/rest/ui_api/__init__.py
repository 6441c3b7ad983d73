"""The User Interface API: objects, records and lists, with the values as people read them.

Source: User Interface API Developer Guide. Favourites and what Lightning alone uses are refused (`refused_apis.py`).
"""
