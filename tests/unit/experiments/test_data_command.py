"""``hm2bp data``, with small files in the place of the data sets."""

import zipfile
from pathlib import Path

import pytest

from hm2bp_brian.datasets import fetch as fetch_module
from hm2bp_brian.datasets.catalogue import CATALOGUE
from hm2bp_brian.experiments import cli


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    """No cache, no network, and a data folder of the user's."""

    def no_network(progressbar):
        def download(url, output_file, pooch):
            raise ConnectionError("no such host")

        return download

    monkeypatch.setattr(fetch_module.pooch, "HTTPDownloader", no_network)
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path / "cache" / "hm2bp_brian"))
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HM2BP_DATA", str(tmp_path / "data"))


def put_nmnist(folder):
    for part, size in (("Train", 600_000), ("Test", 150_000)):
        (folder / part / "3").mkdir(parents=True)
        (folder / part / "3" / "00001.bin").write_bytes(bytes(size))
        (folder / part / "note.txt").write_bytes(b"")


def states(out: str) -> dict[str, str]:
    """The second line of each data set, by name."""
    lines = out.splitlines()
    return {name.split()[0]: state.strip() for name, state in zip(lines[::2], lines[1::2], strict=True)}


def test_the_list_says_what_is_here_and_where(tmp_path, capsys):
    put_nmnist(tmp_path / "data" / "NMNIST")
    assert cli.main(["data"]) == 0
    found = states(capsys.readouterr().out)
    assert list(found) == list(CATALOGUE)
    assert found["nmnist"] == f"0.8 MB in {tmp_path / 'data' / 'NMNIST'}"
    assert found["mnist"].endswith("MB in " + str(Path(__file__).parents[3] / "examples" / "data" / "mnist"))
    assert found["fashion_mnist"] == "not here; to get it: hm2bp data fashion_mnist"


def test_a_damaged_file_does_not_hide_the_others(tmp_path, capsys):
    (tmp_path / "data" / "train.zip").write_bytes(b"no zip")
    assert cli.main(["data"]) == 0
    found = states(capsys.readouterr().out)
    assert found["nmnist"].startswith("damaged: ") and "train.zip" in found["nmnist"]
    assert "MB in" in found["mnist"]


def test_fetching_what_is_here_says_where(tmp_path, capsys):
    put_nmnist(tmp_path / "data")
    assert cli.main(["data", "nmnist"]) == 0
    assert capsys.readouterr().out == f"nmnist: 0.8 MB in {tmp_path / 'data'}\n"


NOT_ONLINE = {
    "ti46": "LDC93S9",
    "letters_synthetic": "synth_letters.zip",
    "emnist_23": "emnist_letters_test_first10000.npz",
    "speech_commands": "gsc_v002_test_mulaw8k_part3_unknown_silence.npz",
}


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name not in {"mnist", *NOT_ONLINE}])
def test_fetching_without_a_network_says_what_to_put_where(tmp_path, capsys, name):
    assert cli.main(["data", name]) == 2
    error = capsys.readouterr().err
    for part in ("no such host", str(tmp_path / "cache" / "hm2bp_brian" / name), "HM2BP_DATA", "http"):
        assert part in error


@pytest.mark.parametrize("name", NOT_ONLINE)
def test_what_has_no_address_is_put_there_by_hand(tmp_path, capsys, name):
    assert cli.main(["data", name]) == 2
    error = capsys.readouterr().err
    for part in ("no address", NOT_ONLINE[name], str(tmp_path / "cache" / "hm2bp_brian" / name), "HM2BP_DATA"):
        assert part in error


def test_a_corpus_is_as_large_as_its_own_files(tmp_path, capsys):
    put_nmnist(tmp_path / "data")
    (tmp_path / "data" / "clone" / "recordings").mkdir(parents=True)
    (tmp_path / "data" / "clone" / "recordings" / "7_theo_3.wav").write_bytes(bytes(300_000))
    (tmp_path / "data" / "clone" / "recordings" / "readme").write_bytes(bytes(300_000))
    with zipfile.ZipFile(tmp_path / "data" / "synth_letters.zip", "w") as archive:
        archive.writestr("ti_alpha/train/f1/0af1set0.wav", bytes(200_000))
    assert cli.main(["data"]) == 0
    found = states(capsys.readouterr().out)
    assert found["fsdd"] == f"0.3 MB in {tmp_path / 'data' / 'clone' / 'recordings'}"
    assert found["letters_synthetic"] == f"0.2 MB in {tmp_path / 'data'}"
    assert found["ti46"].startswith("not here")


def test_an_interrupted_download_promises_no_resume(monkeypatch, capsys):
    def interrupted(url, output_file, pooch):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch_module.pooch, "HTTPDownloader", lambda progressbar: interrupted)
    assert cli.main(["data", "shd"]) == 130
    assert capsys.readouterr().err == "hm2bp: interrupted\n"


def test_unknown_names_and_a_mistyped_environment(monkeypatch, capsys):
    assert cli.main(["data", "nmist"]) == 2
    assert "unknown data set 'nmist'. Did you mean" in capsys.readouterr().err
    monkeypatch.setenv("HM2BP_DATA", "nowhere")
    assert cli.main(["data"]) == 2
    assert "HM2BP_DATA names 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize("name", CATALOGUE)
def test_loaders_take_a_folder_and_say_if_it_holds_nothing(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=f"{CATALOGUE[name].source.name}.data="):
        CATALOGUE[name].load(tmp_path)
