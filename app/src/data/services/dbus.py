"""Calls over D-Bus, made by GLib, which is there wherever the app has a window on Linux: GTK needs it."""

import ctypes
import threading
from typing import Any

_NUMBERS = {
    "b": ("boolean", ctypes.c_int),
    "i": ("int32", ctypes.c_int32),
    "u": ("uint32", ctypes.c_uint32),
}
_CLIENT_OF_A_BUS = 1 | 8  # G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, …_MESSAGE_BUS_CONNECTION
_SESSION = 2  # G_BUS_TYPE_SESSION
_LATE = (19, 24)  # G_IO_ERROR_CANCELLED, G_IO_ERROR_TIMED_OUT


class BusError(Exception):
    """There is no bus, nobody on it answers to this name, or it did not answer in time. The text is D-Bus's own."""


class BusLate(BusError):
    """The bus, or who was called, did not answer in time."""


class _Error(ctypes.Structure):
    _fields_ = (("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char_p))


class Bus:
    """A connection to a message bus, to the person's own (session) bus without an `address`. Raises BusError, BusLate
    after so many `seconds` without an answer.

    Every method waits for its answer, so it is to be called in a thread."""

    def __init__(self, address: str | None = None, *, seconds: float = 5.0) -> None:
        try:
            self._gio = ctypes.CDLL("libgio-2.0.so.0")
        except OSError as missing:
            raise BusError(str(missing)) from None
        if address is None:
            found = self._ask("g_dbus_address_get_for_bus_sync", ctypes.c_char_p, _SESSION, None)
            address = str(found, "utf-8")
        new = self._gio.g_cancellable_new
        new.restype = ctypes.c_void_p
        patience = ctypes.c_void_p(new())
        cancel = threading.Timer(seconds, self._gio.g_cancellable_cancel, (patience,))
        cancel.daemon = True
        cancel.start()
        try:
            self._connection = self._ask(
                "g_dbus_connection_new_for_address_sync",
                ctypes.c_void_p,
                ctypes.c_char_p(address.encode()),
                _CLIENT_OF_A_BUS,
                None,
                patience,
            )
        finally:
            cancel.cancel()
            cancel.join()  # nobody has the cancellable but this thread from here on
            self._gio.g_object_unref(patience)

    def call(
        self, name: str, path: str, interface: str, method: str, arguments: str = "()", *, seconds: float = 5.0
    ) -> list[Any]:
        """What a method answers. `name` is who is called, at an object's `path`; `arguments` are a tuple in GLib's text
        format for values. Raises BusError, BusLate after so many `seconds` without an answer."""
        parameters = self._ask("g_variant_parse", ctypes.c_void_p, None, arguments.encode(), None, None)
        try:
            answer = self._ask(
                "g_dbus_connection_call_sync",
                ctypes.c_void_p,
                ctypes.c_void_p(self._connection),
                *(ctypes.c_char_p(text.encode()) for text in (name, path, interface, method)),
                ctypes.c_void_p(parameters),
                None,
                0,
                ctypes.c_int(round(seconds * 1000)),
                None,
            )
        finally:
            self._plain("g_variant_unref", None, parameters)
        try:
            return self._value(answer)
        finally:
            self._plain("g_variant_unref", None, answer)

    def property(self, name: str, path: str, interface: str, which: str) -> Any:
        """A property of an object. Raises BusError."""
        wanted = f"({_quoted(interface)}, {_quoted(which)})"
        return self.call(name, path, "org.freedesktop.DBus.Properties", "Get", wanted)[0]

    def _ask(self, function: str, kind: Any, *arguments: object) -> Any:
        """Calls a function of GLib whose last parameter is a GError**."""
        error = ctypes.POINTER(_Error)()
        called = self._gio[function]
        called.restype = kind
        result = called(*arguments, ctypes.byref(error))
        if error:
            code, kind = error.contents.code, self._kind(error.contents.domain)
            text = error.contents.message.decode()
            self._gio.g_error_free(error)
            raise (BusLate if kind == "g-io-error-quark" and code in _LATE else BusError)(text)
        return result

    def _kind(self, domain: int) -> str:
        """Which list of errors this is, by GLib's name."""
        name = self._gio.g_quark_to_string
        name.restype = ctypes.c_char_p
        return name(ctypes.c_uint32(domain)).decode()

    def _plain(self, function: str, kind: Any, variant: int, *arguments: object) -> Any:
        called = self._gio[function]
        called.restype = kind
        return called(ctypes.c_void_p(variant), *arguments)

    def _value(self, variant: int) -> Any:
        """A GVariant as Python's own values; a dictionary is a list of pairs."""
        kind = self._plain("g_variant_get_type_string", ctypes.c_char_p, variant).decode()
        if kind in _NUMBERS:
            name, number = _NUMBERS[kind]
            value = self._plain(f"g_variant_get_{name}", number, variant)
            return bool(value) if kind == "b" else value
        if kind in ("s", "o", "g"):
            return self._plain("g_variant_get_string", ctypes.c_char_p, variant, None).decode()
        children: list[Any] = []
        for n in range(self._plain("g_variant_n_children", ctypes.c_size_t, variant)):
            child = self._plain("g_variant_get_child_value", ctypes.c_void_p, variant, ctypes.c_size_t(n))
            children.append(self._value(child))
            self._plain("g_variant_unref", None, child)
        return children[0] if kind == "v" else children


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
