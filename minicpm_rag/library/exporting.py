"""Export of a knowledge base as one zip file: page texts, chunks and vectors, no original files.

The file is JSON and plain numbers. Knows the ledger only; `importing` reads such a file back.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import Ledger, chunk_rows, documents, knowledge_bases, names, page_rows
from minicpm_rag.library.ledger.indexes import find_index
from minicpm_rag.library.originals import replacing
from minicpm_rag.messages import reason_of

FORMAT = 1
LENGTH_BYTES = 4  # before the signs of each chunk
MANIFEST, DOCUMENTS, VECTORS, TOKEN_SIGNS = "manifest.json", "documents.jsonl", "vectors.f32", "token_signs.bin"


def export(ledger: Ledger, knowledge_base: str, file: Path) -> None:
    """Write a knowledge base into a zip file, as it is now. Raises LibraryError where that fails."""
    try:
        with (
            replacing(file) as part,
            ledger.reading() as connection,
            zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            kb_id = knowledge_bases.find(connection, knowledge_base)
            index = find_index(connection, kb_id)
            rows = [row for row in documents.listed(connection, kb_id) if row.status == "ready"]
            manifest = {
                "format": FORMAT,
                "name": knowledge_bases.clean(knowledge_base),
                "embedder": index.embedder if index else "",
                "revision": index.revision if index else "",
                "dimension": index.dimension if index else 0,
                "documents": len(rows),
                "settings": dict(
                    connection.execute("SELECT key, value FROM settings WHERE kb_id = ?", (kb_id,)).fetchall()
                ),
            }
            archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
            with archive.open(DOCUMENTS, "w", force_zip64=True) as lines:
                for row in rows:
                    values = asdict(row) | {
                        "names": names.of_document(connection, row.id),
                        "pages": [asdict(page) for page in page_rows.of_document(connection, row.id)],
                        "chunks": [
                            {"text": chunk.text, "metadata": chunk.metadata}
                            for chunk in chunk_rows.of_document(connection, row.id)
                        ],
                    }
                    lines.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
            with archive.open(VECTORS, "w", force_zip64=True) as numbers:
                for row in rows:
                    for chunk in chunk_rows.of_document(connection, row.id):
                        numbers.write(chunk_rows.vector(connection, chunk.row))
            with archive.open(TOKEN_SIGNS, "w", force_zip64=True) as numbers:
                for row in rows:
                    for chunk in chunk_rows.of_document(connection, row.id):
                        signs = chunk_rows.token_signs(connection, chunk.row)
                        numbers.write(len(signs).to_bytes(LENGTH_BYTES, "little") + signs)
    except OSError as exc:
        raise LibraryError("library.not_exported", file=file, why=reason_of(exc)) from exc
