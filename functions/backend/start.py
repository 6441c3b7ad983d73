"""Switches garbage collection off while an instance starts. Imported first: reading modules makes nothing that could be
collected, and looking for it takes a tenth of the time.
"""

import gc

gc.disable()


def done() -> None:
    """Switches garbage collection on again; it never goes through what was made until now."""
    gc.freeze()
    gc.enable()
