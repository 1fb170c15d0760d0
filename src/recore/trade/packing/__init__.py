"""Boxes of parts into one container: block-building beam search with orientation limits and full support."""

from recore.trade.packing.loading import pack
from recore.trade.packing.problem import BoxKind, Packing

__all__ = ["BoxKind", "Packing", "pack"]
