"""Hostile files opened safely, told by content, decoded through their modality."""

from unified_assets.files.decoding import decode, decode_bytes, decode_stream, probe_stream
from unified_assets.files.detection import Detection, detect
from unified_assets.files.opening import open_regular

__all__ = ["Detection", "decode", "decode_bytes", "decode_stream", "detect", "open_regular", "probe_stream"]
