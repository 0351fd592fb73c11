"""What a word looks at, layer by layer, untouched and after a cut."""

from workbench.analyses.attention.maps import AttentionMaps, cell_table, parse_heads
from workbench.analyses.attention.shares import AttentionShares, attention_shares, maps_of_word

__all__ = [
    "AttentionMaps",
    "AttentionShares",
    "attention_shares",
    "cell_table",
    "maps_of_word",
    "parse_heads",
]
