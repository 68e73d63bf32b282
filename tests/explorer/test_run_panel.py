"""The tab of a run: every image once, under its transfer, with its losses."""

import base64
import shutil
from pathlib import Path

from lightning_taskonomy.explorer.run_panel import pictures_of, run_panel, strips


def test_every_image_is_listed_under_its_transfer(run: Path) -> None:
    pictures = pictures_of(run)
    assert pictures.targets == ["depth"]
    sections = [section.children for section in strips(pictures.of("depth"))]
    heads = [section[0].children for section in sections]
    assert heads == ["from Reshading", "from Reshading + Normals"]
    images = [[figure.children[0] for figure in section[1:]] for section in sections]
    assert [len(own) for own in images] == [2, 1]
    for number, image in enumerate(image for own in images for image in own):
        head, _, body = image.src.partition(",")
        assert head == "data:image/jpeg;base64"
        assert base64.b64decode(body) == (run / "pictures" / "depth" / f"{number}.jpg").read_bytes()
    assert "furthest ahead of training from scratch: loss 0.1, from scratch 0.5" in images[0][0].alt
    assert "furthest behind" in images[0][1].alt


def test_the_verdict_comes_first(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "taxonomy").mkdir(exist_ok=True)
    (tmp_path / "run" / "taxonomy" / "taxonomy.json").write_text('{"verdict": ["3 of 6 networks lose"]}')
    head, words, *_ = run_panel(pictures_of(tmp_path / "run")).children
    assert head.children == "What may be believed"
    assert [item.children for item in words.children] == ["3 of 6 networks lose"]


def test_a_run_without_images_has_a_message(tmp_path: Path) -> None:
    assert "no images" in str(run_panel(pictures_of(tmp_path)))
