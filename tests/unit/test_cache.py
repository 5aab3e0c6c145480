import pooch
import pytest

from hm2bp_brian.cache import cache_folder


def test_the_users_cache_folder_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    monkeypatch.delenv("HM2BP_CACHE", raising=False)
    assert cache_folder() == tmp_path / "hm2bp_brian"
    monkeypatch.setenv("HM2BP_CACHE", "")
    assert cache_folder() == tmp_path / "hm2bp_brian"


@pytest.mark.parametrize(("named", "expected"), [("~/kept", "home/kept"), ("here/kept", "work/here/kept")])
def test_the_environment_names_it(monkeypatch, tmp_path, named, expected):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HM2BP_CACHE", named)
    found = cache_folder()
    monkeypatch.chdir(tmp_path)
    assert found == tmp_path / expected and found.is_absolute()
