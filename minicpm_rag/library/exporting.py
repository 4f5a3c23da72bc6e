"""Export of a knowledge base as one zip file: page texts, chunks and vectors, no original files.

The file is JSON and plain numbers. Knows the ledger only; `indexing.importing` reads such a file.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import Ledger, chunks, documents, knowledge_bases
from minicpm_rag.library.originals import replacing
from minicpm_rag.messages import reason_of

FORMAT = 2  # 1 had sentences where reason and remedy are messages now
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
            index = knowledge_bases.find_index(connection, kb_id)
            rows = [row for row in documents.listed(connection, kb_id) if row.status == "ready"]
            manifest = {
                "format": FORMAT,
                "name": knowledge_bases.clean(knowledge_base),
                "embedder": index.embedder if index else "",
                "revision": index.revision if index else "",
                "dimension": index.dimension if index else 0,
                "documents": len(rows),
                "settings": {
                    key: json.dumps(value, ensure_ascii=False)
                    for key, value in knowledge_bases.settings(connection, kb_id).items()
                },
            }
            archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
            with archive.open(DOCUMENTS, "w", force_zip64=True) as lines:
                for row in rows:
                    values = asdict(row) | {
                        "names": documents.names_of(connection, row.id),
                        "pages": [asdict(page) for page in documents.pages(connection, row.id)],
                        "chunks": [
                            {"text": chunk.text, "metadata": chunk.metadata}
                            for chunk in chunks.of_document(connection, row.id)
                        ],
                    }
                    lines.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
            with archive.open(VECTORS, "w", force_zip64=True) as numbers:
                for row in rows:
                    numbers.write(chunks.vectors(connection, chunks.ids(connection, row.id)).tobytes())
            with archive.open(TOKEN_SIGNS, "w", force_zip64=True) as numbers:
                for row in rows:
                    ids = chunks.ids(connection, row.id)
                    stored = chunks.token_signs(connection, ids, strict=True)
                    for chunk in ids:
                        signs = stored.get(chunk, b"")
                        numbers.write(len(signs).to_bytes(LENGTH_BYTES, "little") + signs)
    except OSError as exc:
        raise LibraryError("library.not_exported", file=file, why=reason_of(exc)) from exc
