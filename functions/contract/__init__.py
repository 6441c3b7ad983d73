"""What app and backend say to each other: calls and their shapes, error reasons, one strict decoder.

Standard library only.
"""
