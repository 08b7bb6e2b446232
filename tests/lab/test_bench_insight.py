"""The bench of what insight costs compares what it says it does."""

from __future__ import annotations

import pytest

from antiphon.lab import bench_insight

pytest.importorskip("av")
pytest.importorskip("opentelemetry.sdk")


@pytest.mark.soak
def test_it_traces_and_records_on_one_side_only():
    found = bench_insight.run(seconds=5, sessions=2)
    assert found["traces_kb"] > 0 and found["recorded_kb"] > 0 and found["ratio"] > 0
