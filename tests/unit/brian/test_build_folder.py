"""A build folder belongs to one simulator at a time."""

import gc
import subprocess
import sys

import pytest

from hm2bp_brian.brian.build_folder import BuildFolder
from hm2bp_brian.errors import EngineError

HOLD = """
import sys
from hm2bp_brian.brian.build_folder import BuildFolder
folder = BuildFolder(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_in_use_in_this_process_until_it_is_given_up(tmp_path):
    first = BuildFolder(tmp_path / "build")
    with pytest.raises(EngineError, match=r"build is in use .* name another one in set_device\(..., directory="):
        BuildFolder(tmp_path / "build")
    del first
    gc.collect()
    assert BuildFolder(tmp_path / "build").path.is_dir()


def test_a_folder_in_use_by_another_process(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(EngineError, match="in use by another engine or process"):
            BuildFolder(tmp_path)
        holder.stdin.close()
        holder.wait()
        assert BuildFolder(tmp_path).path == tmp_path


def test_temporary_folders_go_with_their_simulator():
    one, other = BuildFolder(), BuildFolder()
    assert one.path != other.path
    path = one.path
    (path / "main.cpp").write_text("")
    del one
    gc.collect()
    assert not path.exists()
    assert other.path.exists()
