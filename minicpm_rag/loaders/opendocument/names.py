"""The namespaces of OpenDocument files, as lxml writes them before a name."""

from __future__ import annotations

_BASE = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
OFFICE = _BASE % "office"
TEXT = _BASE % "text"
TABLE = _BASE % "table"
STYLE = _BASE % "style"
DRAW = _BASE % "drawing"
PRESENTATION = _BASE % "presentation"
CHART = _BASE % "chart"
DUBLIN = "{http://purl.org/dc/elements/1.1/}"
LINK = "{http://www.w3.org/1999/xlink}"
MATH = "{http://www.w3.org/1998/Math/MathML}"
FIELD = "{urn:openoffice:names:experimental:ooo-ms-interop:xmlns:field:1.0}"
