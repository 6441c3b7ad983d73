"""HTTP on this machine, for tests and tools: httpx without TLS.

httpx reads the machine's certificates for each client, and `httpx.get` makes a client for each call. That takes tens of
milliseconds, which tests would spend thousands of times.
"""

import ssl
from functools import partial

import httpx2 as httpx

_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Client = partial(httpx.Client, verify=_NO_CERTIFICATES)
AsyncClient = partial(httpx.AsyncClient, verify=_NO_CERTIFICATES)
get = partial(httpx.get, verify=_NO_CERTIFICATES)
post = partial(httpx.post, verify=_NO_CERTIFICATES)
put = partial(httpx.put, verify=_NO_CERTIFICATES)
patch = partial(httpx.patch, verify=_NO_CERTIFICATES)
delete = partial(httpx.delete, verify=_NO_CERTIFICATES)
head = partial(httpx.head, verify=_NO_CERTIFICATES)
request = partial(httpx.request, verify=_NO_CERTIFICATES)
