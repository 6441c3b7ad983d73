"""The start of an instance.

Imported first: while modules are read nothing can be collected, and looking for it takes a tenth of the time.
"""

import gc

gc.disable()


def done() -> None:
    """What was made until now stays for the life of the process, so that no later collection goes through it."""
    gc.freeze()
    gc.enable()
