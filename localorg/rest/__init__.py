"""The REST APIs over HTTP, one module for each group of resources. `call.py` has what their requests share."""
