"""What a word looks at, layer by layer, untouched and after a cut."""

from workbench.analyses.attention.maps import AttentionMaps, cell_table, parse_heads
from workbench.analyses.attention.shares import AttentionShares, attention_shares, maps_of_word
from workbench.analyses.attention.sinks import Sinks, find_sinks

__all__ = [
    "AttentionMaps",
    "AttentionShares",
    "Sinks",
    "attention_shares",
    "cell_table",
    "find_sinks",
    "maps_of_word",
    "parse_heads",
]
