"""Contact sheets: the positions of images, and the titles of columns."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.pictures.sheets import contact_sheet, fitted, font, titled

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(st.lists(st.lists(sizes, min_size=1, max_size=4), min_size=1, max_size=4), st.integers(0, 3))
def test_contact_sheets_hold_every_picture_once_in_rows_on_white(
    rows: list[list[tuple[int, int]]], gap: int
) -> None:
    numbers = iter(range(1, 17))
    pictures = [[np.full((*size, 3), next(numbers), np.uint8) for size in row] for row in rows]
    sheet = contact_sheet(pictures, gap)
    places: list[list[tuple[int, int, int, int]]] = []
    for row in pictures:
        places.append([])
        for picture in row:
            found = np.argwhere((sheet == picture[0, 0]).all(axis=-1))
            (top, left), (bottom, right) = found.min(axis=0), found.max(axis=0) + 1
            assert (bottom - top, right - left) == picture.shape[:2]
            assert len(found) == picture.shape[0] * picture.shape[1]
            places[-1].append((int(top), int(bottom), int(left), int(right)))
    covered = sum(height * width for row in rows for height, width in row)
    assert (sheet == 255).all(axis=-1).sum() == sheet.shape[0] * sheet.shape[1] - covered
    for line in places:
        assert all(second[2] - first[3] >= gap for first, second in itertools.pairwise(line))
    for above, below in itertools.pairwise(places):
        assert min(place[0] for place in below) - max(place[1] for place in above) >= gap


@given(st.lists(sizes, min_size=1, max_size=4), st.text(st.characters(categories=["L"]), max_size=30))
def test_titles_stand_above_their_columns_and_change_nothing_below(
    row: list[tuple[int, int]], title: str
) -> None:
    pictures = [np.full((height, 30 * width, 3), 7, np.uint8) for height, width in row]
    without = contact_sheet([pictures, pictures])
    titles = [title, *["Target\nof two lines"] * (len(row) - 1)]
    sheet = contact_sheet([pictures, pictures], titles=titles)
    assert sheet.shape[1] == without.shape[1]
    above = sheet.shape[0] - without.shape[0]
    np.testing.assert_array_equal(sheet[above:], without)
    left = 0
    for picture, words in zip(pictures, titles, strict=True):
        right = left + picture.shape[1]
        assert (sheet[:above, left:right] < 255).any() == bool(words)
        assert (sheet[:above, right : right + 6] == 255).all()
        left = right + 6


def test_a_title_that_is_too_wide_is_cut() -> None:
    assert fitted("Normals", 200) == "Normals"
    cut = fitted("Surface normals of the whole scene", 80)
    assert cut.endswith("…")
    assert 60 < font().getlength(cut) <= 80
    tile = titled(np.full((9, 20, 3), 7, np.uint8), "Surface normals")
    assert tile.shape[1] == 20
    assert (tile[-9:] == 7).all()
