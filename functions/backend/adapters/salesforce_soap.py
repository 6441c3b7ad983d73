"""XML of Salesforce's SOAP API: read without document types, so that no entity is resolved; faults.

Source: SOAP API Developer Guide, "API Fault Element": a refused call is a fault whose faultcode is an ExceptionCode,
such as sf:INVALID_SESSION_ID, and whose faultstring begins with it.
"""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def escaped(text: str) -> str:
    """A text as the content of an element."""
    return escape(text, quote=False)


def read_xml(body: bytes) -> "Element | None":
    """The root of a document, its names without their namespaces; None for what is none, or has a document type."""
    from xml.etree.ElementTree import TreeBuilder  # most instances convert no lead, and read no XML
    from xml.parsers import expat

    builder, parser = TreeBuilder(), expat.ParserCreate(namespace_separator=" ")

    def refuse(*_of: object) -> None:
        raise ValueError

    def start(name: str, attributes: dict[str, str]) -> None:
        builder.start(_local(name), {_local(n): value for n, value in attributes.items()})

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: builder.end(_local(name))
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(body, True)
        return builder.close()
    except (expat.ExpatError, ValueError, AssertionError):
        return None


def text_of(element: "Element", name: str) -> str:
    """The text of a child; "" for none."""
    return (element.findtext(name) or "").strip()


def texts_of(element: "Element", name: str) -> Iterator[str]:
    """The texts of all children of a name."""
    return ((child.text or "").strip() for child in element.iterfind(name))


def fault_of(body: bytes) -> tuple[str, str]:
    """The code of a fault and what it says; "" and "" for an answer that is none."""
    root = read_xml(body)
    fault = None if root is None else root.find("Body/Fault")
    if fault is None:
        return "", ""
    code = text_of(fault, "faultcode").rpartition(":")[2]
    return code, text_of(fault, "faultstring").removeprefix(f"{code}: ")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
