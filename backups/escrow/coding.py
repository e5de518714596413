"""Bytes as text: base64 within files, and one JSON form that is always the same, so that it can be authenticated."""

import base64
import binascii
import json
from typing import Any


def text(data: bytes) -> str:
    """Base64 on one line."""
    return base64.b64encode(data).decode()


def data(written: Any) -> bytes:
    """What `text` was given. Raises ValueError."""
    if not isinstance(written, str):
        raise ValueError("this is no base64")  # noqa: TRY004 - a damaged file, not a fault of the program
    try:
        return base64.b64decode(written, validate=True)
    except binascii.Error:
        raise ValueError("this is no base64") from None


def canonical(document: Any) -> bytes:
    """Sorted, without spaces, in UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def readable(document: Any) -> str:
    """For a file that a person may look at."""
    return json.dumps(document, indent=1, sort_keys=True) + "\n"
