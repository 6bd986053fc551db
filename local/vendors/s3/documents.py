"""Reads the small XML documents clients send, refusing everything that is not plain XML."""

from xml.etree.ElementTree import Element, ParseError, fromstring

from local.vendors.s3.errors import S3Error

MOST_KEYS = 1000


def _parsed(body: bytes) -> Element:
    # A document type is the only door to entity tricks, and S3 refuses it too.
    if b"<!" in body:
        raise S3Error("MalformedXML")
    try:
        root = fromstring(body)  # noqa: S314 - no document type, at most 1 MiB
    except ParseError:
        raise S3Error("MalformedXML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def completed_parts(body: bytes) -> list[tuple[int, str]]:
    """The (number, etag) of each part in a CompleteMultipartUpload; raises MalformedXML."""
    try:
        parts = [
            (int(part.findtext("PartNumber", "")), part.findtext("ETag", "").strip().strip('"'))
            for part in _parsed(body).iter("Part")
        ]
    except ValueError:
        raise S3Error("MalformedXML") from None
    if not parts:
        raise S3Error("MalformedXML")
    return parts


def deleted_keys(body: bytes) -> tuple[list[str], bool]:
    """The keys of a Delete document, and whether it is quiet; raises MalformedXML."""
    root = _parsed(body)
    keys = [part.findtext("Key", "") for part in root.iter("Object")]
    if not keys or len(keys) > MOST_KEYS or "" in keys:
        raise S3Error("MalformedXML")
    return keys, root.findtext("Quiet", "").strip().lower() == "true"
