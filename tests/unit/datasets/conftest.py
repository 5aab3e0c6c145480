"""A web of a few addresses, and a cache of the test's own."""

import pooch
import pytest


@pytest.fixture
def web(monkeypatch, tmp_path):
    """The web, as a dict from address to bytes or to the error it raises; `requested` lists what was asked for."""

    class Web(dict):
        def __init__(self):
            self.requested = []

    web = Web()

    class Downloader:
        def __init__(self, progressbar):
            assert progressbar is True

        def __call__(self, url, output_file, pooch):
            web.requested.append(url)
            with open(output_file, "wb") as file:
                file.write(b"half of")
                answer = web.get(url, ConnectionError("no such host"))
                if isinstance(answer, BaseException):
                    raise answer
                file.seek(0)
                file.write(answer)
                file.truncate()

    monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path / "cache" / "hm2bp_brian"))
    monkeypatch.delenv("HM2BP_DATA", raising=False)
    return web
