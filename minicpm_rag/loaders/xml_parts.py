"""Parses the XML parts of packed files: strictly, or as far as the damage to a part lets it be read."""

from __future__ import annotations

from typing import Any


def parsed(data: bytes) -> Any:
    """The root element of a part. Raises lxml's XMLSyntaxError, a SyntaxError, where it is damaged."""
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def parsed_in_part(data: bytes, name: str, damaged: list[str]) -> Any:
    """The root element of a part that may be damaged, with what could be read; None where that is nothing.

    A damaged part is named in `damaged`, by its file name.
    """
    from lxml import etree

    try:
        root = parsed(data)
    except etree.XMLSyntaxError:
        damaged.append(file_name(name))
    else:
        if next(root.iter(etree.Entity), None) is not None:  # what it stands for is not read
            damaged.append(file_name(name))
        return root
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return None
    for element in list(root.iter(etree.Element)) if root is not None else ():
        if ":" in element.tag.rsplit("}", 1)[-1] and element.getparent() is not None:  # a name that was cut off
            element.getparent().remove(element)
    return root


def written(root: Any) -> bytes:
    """A part of that root element."""
    from lxml import etree

    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def file_name(part: object) -> str:
    """The last step of a part's name, which is what a person is told."""
    return str(part).rsplit("/", 1)[-1]
