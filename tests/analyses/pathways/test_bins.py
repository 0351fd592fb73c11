from __future__ import annotations

import pandas as pd
import pytest

from workbench.analyses.pathways.bins import LayerBin, bins_text, effective_range, layer_bins, range_text
from workbench.analyses.pathways.ranges import pathways

CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"
# Map the Flow (arXiv 2510.13251v2), Table E: (b) mean change in percent by bin of 5 layers, task Action
# Antonym; (a) the layer ranges that the paper reads off it.
TABLE_E = {
    "LLaVA-NeXT-7B-Video-FT": (
        32,
        {
            CROSS: [-4.2, -11.1, -6.3, -0.2, 0, -0.2, -0.2],
            TO_QUESTION: [-3.9, -15.1, -21.5, -5.6, -0.2, 0, 0],
            TO_LAST: [-0.3, -1.2, -4.5, -19.3, -15.1, 0.7, 1.1],
        },
        {CROSS: (6, 15), TO_QUESTION: (6, 20), TO_LAST: (16, 25)},
    ),
    "LLaVA-NeXT-13B-Video-FT": (
        40,
        {
            CROSS: [-0.7, -11.2, -11.1, -2.1, -0.2, -0.2, -0.2, -0.3],
            TO_QUESTION: [-1.2, -16.7, -29.1, -9.2, -0.3, -0.2, -0.2, -0.2],
            TO_LAST: [-1.8, -2.0, -4.6, -21.7, -28.4, -5.7, -0.1, -1.9],
        },
        {CROSS: (6, 15), TO_QUESTION: (6, 20), TO_LAST: (16, 30)},
    ),
    "Mini-InternVL-4B-Video-FT": (
        32,
        {
            CROSS: [-2.3, -11.1, -11.5, -3.3, 0, 0.2, 0],
            TO_QUESTION: [-2.4, -24.4, -35.0, -15.9, -1.3, -0.3, -0.2],
            TO_LAST: [0, -1.3, -5.9, -30.8, -46.8, -14.1, -3.2],
        },
        {CROSS: (6, 15), TO_QUESTION: (6, 20), TO_LAST: (11, 30)},
    ),
    "VideoLLaMA3-7B": (
        28,
        {
            # -5.0 is not strictly below -5: the range ends at layer 15.
            CROSS: [-65.1, -61.4, -14.9, -5.0, 0, 0.2],
            TO_QUESTION: [-4.3, -7.2, -18.5, -16.3, -2.2, 0],
            TO_LAST: [2.0, 3.7, 1.9, -2.7, -16.2, -19.1],
        },
        {CROSS: (1, 15), TO_QUESTION: (6, 20), TO_LAST: (21, 28)},
    ),
}


def effects(changes: dict[str, list[float]], *, task="action_antonym", sample="a/0", window="centred(9)"):
    """A sweep's table with one sample: `changes[flow][layer - 1]`."""
    return pd.DataFrame(
        [
            {
                "sample_id": sample,
                "task": task,
                "flow": flow,
                "window": window,
                "layer": layer,
                "change_percent": float(change),
            }
            for flow, row in changes.items()
            for layer, change in enumerate(row, start=1)
        ]
    )


@pytest.mark.parametrize("model", TABLE_E)
def test_the_printed_table_e_b_gives_table_e_a(model: str) -> None:
    n_layers, by_bin, expected = TABLE_E[model]
    bins = layer_bins(n_layers, 5)
    by_layer = {
        flow: [mean for (first, last), mean in zip(bins, means, strict=True) for _ in range(first, last + 1)]
        for flow, means in by_bin.items()
    }
    found = pathways(effects(by_layer))
    assert dict(found) == expected
    assert list(found.table["mean_change_percent"]) == pytest.approx(
        [mean for means in by_bin.values() for mean in means], abs=1e-12
    )
    assert {flow: effective_range(bins, means) for flow, means in by_bin.items()} == expected


def test_a_gap_between_two_effective_bins_belongs_to_the_range() -> None:
    assert dict(pathways(effects({CROSS: [-9, 0, 0, -9, 0]}), bin=1)) == {CROSS: (1, 4)}


def test_layer_bins() -> None:
    assert layer_bins(12, 5) == [LayerBin(1, 5), LayerBin(6, 10), LayerBin(11, 12)]
    assert layer_bins(1, 5) == [LayerBin(1, 1)]


def test_bins_in_words_join_neighbours_and_keep_gaps() -> None:
    bins = layer_bins(12, 2)
    assert bins_text([bins[0], bins[4], bins[5]]) == "1-2, 9-12"
    assert bins_text(layer_bins(7, 3)) == "1-7"
    assert bins_text([LayerBin(3, 3)]) == "3"
    assert bins_text([]) == ""
    assert range_text(LayerBin(1, 12), "1-2, 9-12") == "1-12 (1-2, 9-12)"
    assert range_text(LayerBin(3, 8), "3-8") == "3-8"
