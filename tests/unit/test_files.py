import errno
import os
import threading

import pytest

from hm2bp_brian.files import write_atomically


def test_file_and_folder_are_on_the_disk_before_and_after_the_rename(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor):
        fsync(descriptor)
        events.append(os.path.realpath(f"/dev/fd/{descriptor}"))

    def watched_replace(source, target):
        replace(source, target)
        events.append("renamed")

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write_atomically(tmp_path / "file", b"content")
    file, renamed, folder = events
    assert file.startswith(str(tmp_path / ".file.")) and renamed == "renamed" and folder == str(tmp_path)
    assert (tmp_path / "file").read_bytes() == b"content"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_threads_do_not_write_into_each_others_file(tmp_path):
    contents = [bytes([number]) * 300_000 for number in range(4)]
    failures = []

    def write(content):
        try:
            for _ in range(20):
                write_atomically(tmp_path / "file", content)
                assert (tmp_path / "file").read_bytes() in contents
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/file'$"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("where", ["absent/file", "folder"])
def test_an_error_names_the_file_and_not_a_temporary_one(tmp_path, where):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=rf"'{tmp_path / where}'$"):
        write_atomically(tmp_path / where, b"")


def test_a_folder_that_can_not_be_synced_does_no_harm(tmp_path, monkeypatch):
    answers = iter([None, OSError(errno.EINVAL, "Invalid argument"), None, OSError(errno.EIO, "Input/output error")])

    def answer(descriptor):
        if (error := next(answers)) is not None:
            raise error

    monkeypatch.setattr(os, "fsync", answer)
    write_atomically(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    with pytest.raises(OSError, match="Input/output error"):
        write_atomically(tmp_path / "file", b"content")
