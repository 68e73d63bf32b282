"""YAML whose aliases expand to too many values, or that is nested too deep."""

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lightning_taskonomy.cli import main
from lightning_taskonomy.cli.bounded_yaml import UnboundedYamlError, require_bounded, require_bounded_words


def laughs(levels: int, key: str = "last") -> str:
    lines = ["l0: &l0 [" + ", ".join(["lol"] * 9) + "]"]
    for level in range(1, levels):
        name = key if level == levels - 1 else f"l{level}"
        lines.append(f"{name}: &l{level} [" + ", ".join([f"*l{level - 1}"] * 9) + "]")
    return "\n".join(lines) + "\n"


REFUSED = {
    "laughs": (laughs(9), "its aliases stand for more than"),
    "quadratic": ("a: &a " + str([1] * 500) + "\nb: [" + ", ".join(["*a"] * 500) + "]\n", "its aliases"),
    "merged": ("a: &a {b: 1}\n" + "".join(
        f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ), "its aliases"),
    "deep lists": ("transfers: " + "[" * 100_000, "at most 100 levels"),
    "deep mappings": ("transfers: " + "{a: " * 3000 + "1" + "}" * 3000, "at most 100 levels"),
    "circle": ("a: &a [*a]\n", "contains itself"),
    "wide circle": ("a: &a {b: [1, {c: *a}]}\n", "contains itself"),
    "code": ('transfers: !!python/object/apply:os.system ["touch RAN"]\n', "python/object"),
}  # fmt: skip


@pytest.mark.parametrize("command", ["taxonomy solve", "taxonomy tree", "bank list", "bank predict"])
@pytest.mark.parametrize("kind", REFUSED)
def test_commands_refuse_it_in_one_line_and_quickly(
    kind: str,
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    text, reason = REFUSED[kind]
    Path("bad.yaml").write_text(text)
    start = time.monotonic()
    assert main([*command.split(), "--config", "bad.yaml"]) == 2
    assert time.monotonic() - start < 10
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


@pytest.mark.parametrize("command", ["fit", "taxonomy run", "task2vec embed"])
def test_commands_that_need_torch_refuse_it_too(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(laughs(9))
    assert main([*command.split(), "--config", "bad.yaml"]) == 2
    error = capsys.readouterr().err
    assert "its aliases stand for more than" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["taxonomy solve", "fit"])
def test_what_is_no_text_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_bytes(bytes(range(256)))
    assert main([*command.split(), "--config", str(tmp_path / "bad.yaml")]) == 2
    error = capsys.readouterr().err
    assert "config: expected a text file (YAML) in UTF-8" in error
    assert error.count("\n") == 1


def test_ordinary_aliases_are_read() -> None:
    require_bounded("a: &a {b: 1}\nc: *a\nd: {<<: *a, e: 2}\n")
    require_bounded("a: &a [1, 2]\n" + "".join(f"b{n}: *a\n" for n in range(1000)))


def _values(content: object) -> int:
    if isinstance(content, dict):
        return 1 + sum(_values(part) for pair in content.items() for part in pair)
    if isinstance(content, list):
        return 1 + sum(map(_values, content))
    return 1


@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 40))
def test_bounds_agree_with_counting_what_was_read(levels: int, width: int, plain: int) -> None:
    """Compared with a slow restatement: load the text and count; only values from aliases are limited."""
    lines = ["l0: &l0 [" + ", ".join(["1"] * width) + "]"]
    lines += [
        f"l{level}: &l{level} [" + ", ".join([f"*l{level - 1}"] * width) + "]" for level in range(1, levels)
    ]
    text = "\n".join(lines + [f"p{n}: {n}" for n in range(plain)])
    aliased, size = 0, width + 1
    for _ in range(1, levels):
        aliased, size = aliased + width * size, width * size + 1
    if aliased > 20_000:
        with pytest.raises(UnboundedYamlError):
            require_bounded(text)
    else:
        require_bounded(text)
        assert _values(yaml.safe_load(text)) <= 20_000 + 12 * 8 + 2 * (plain + 20)


def flow_laughs(levels: int) -> str:
    lists = ["a0: &a0 [" + ", ".join(["lol"] * 10) + "]"]
    lists += [
        f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 10) + "]" for level in range(1, levels)
    ]
    return "{" + ", ".join(lists) + "}"


@pytest.mark.parametrize("option", ["--importance", "--cost", "--budget", "--targets"])
@pytest.mark.parametrize("joined", [True, False])
def test_values_of_options_are_bounded(
    option: str, joined: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = flow_laughs(12)
    words = [f"{option}={value}"] if joined else [option, value]
    start = time.monotonic()
    assert main(["taxonomy", "solve", "--transfers", "t.csv", "--out", str(tmp_path / "out"), *words]) == 2
    assert time.monotonic() - start < 10
    error = capsys.readouterr().err
    assert error.startswith(f"error: {option}: YAML: its aliases stand for more than")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_strings_of_a_configuration_are_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(yaml.safe_dump({"importance": flow_laughs(12)}))
    assert main(["taxonomy", "solve", "--config", "bad.yaml", "--transfers", "t.csv", "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert "its aliases stand for more than" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("word", ["a&b*c.csv", "[x", "{a: &a 1, b: *a}", "--cost={depth: 2}", "&", "a: [b"])
def test_other_words_are_left_alone(word: str) -> None:
    require_bounded_words(["--out", word])
