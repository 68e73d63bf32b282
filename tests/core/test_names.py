from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import compute

from lightning_taskonomy.core.names import LEADS_OUT, leads_out


@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/passwd", "../x", "a/../../x", "a/..", ".", "./x", "a//b", "..\\x", "C:x", "C:\\x",
        "https://host/x", "s3://bucket/x", "file:///etc/passwd", "pipe:touch RAN", "| touch RAN",
        "a\nb", "a\0",
    ],
)  # fmt: skip
def test_what_leads_out(name: str) -> None:
    assert leads_out(name)


@pytest.mark.parametrize(
    "name", ["allensville/point_0_view_12", "group/name", "2008_000002", "été/фото 1", "a..b/c", ".hidden"]
)
def test_what_stays_inside(name: str) -> None:
    assert not leads_out(name)


@given(st.text(st.sampled_from("ab/.\\:| \n"), max_size=12))
def test_what_passes_stays_below_its_folder_by_the_systems_own_rules(name: str) -> None:
    """Arrow's regular expressions, which check a whole index, agree with Python's."""
    if not leads_out(name):
        joined = (Path("/data/set") / name).resolve()
        assert joined.is_relative_to("/data/set")
        assert joined != Path("/data/set")
    if name:
        (found,) = compute.match_substring_regex(pa.array([name]), LEADS_OUT).to_pylist()
        assert found == leads_out(name)
