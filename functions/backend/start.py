"""Switches garbage collection off while an instance starts. Imported first: reading modules makes nothing that could be
collected, and looking for it takes a tenth of the time.
"""

import gc

# Looks for cycles after so many more objects than have gone, in place of 700: what 160 calls have under way at once is
# no garbage, and going through it again and again took a twelfth of a call.
_YOUNG = 50_000

gc.disable()


def done() -> None:
    """Switches garbage collection on again; it never goes through what was made until now."""
    gc.freeze()
    gc.set_threshold(_YOUNG)
    gc.enable()
