"""Only regular files below the root are opened, and no link on the way is followed."""

import os

import psutil
import pytest

from unified_assets.core.errors import UnreadableFile
from unified_assets.files import open_regular
from unified_assets.files.opening import Folders


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "sub").mkdir(parents=True)
    (tmp_path / "root" / "sub" / "a.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text("outside")
    return tmp_path / "root"


def reason(root, path):
    """The reason that both ways of opening give."""
    with pytest.raises(UnreadableFile) as caught:
        open_regular(root, path)
    folders = Folders(str(root))
    folders.close()
    with pytest.raises(UnreadableFile) as again:
        folders.open(path)
    folders.close()
    assert again.value.reason == caught.value.reason
    return caught.value.reason


def test_a_regular_file_is_read(root):
    with open_regular(root, "sub/a.txt") as stream:
        assert stream.read() == b"inside"


def test_files_of_one_folder_after_another_are_opened_and_no_descriptor_is_left(root):
    (root / "sub" / "b.txt").write_text("beside")
    (root / "c\\d").mkdir()
    (root / "c\\d" / "e.txt").write_text("odd")
    before = psutil.Process().num_fds()
    folders, said = Folders(str(root)), []
    for path in ("sub/a.txt", "sub/b.txt", "c\\\\d/e.txt", "sub/a.txt"):
        descriptor, facts = folders.open(path)
        said.append(os.read(descriptor, facts.st_size).decode())
        os.close(descriptor)
    folders.close()
    assert said == ["inside", "beside", "odd", "inside"]
    assert psutil.Process().num_fds() == before


def test_a_folder_that_is_moved_away_while_open_still_gives_its_files_and_no_others(root):
    folders = Folders(str(root))
    os.close(folders.open("sub/a.txt")[0])
    (root / "sub").rename(root / "moved")
    (root / "sub").symlink_to(root.parent)
    os.close(folders.open("sub/a.txt")[0])
    with pytest.raises(UnreadableFile, match="not_found"):
        folders.open("sub/secret.txt")
    folders.close()


@pytest.mark.parametrize("path", ["../secret.txt", "sub/../../secret.txt", "/etc/passwd", "", ".", "sub//a.txt", "sub/./a.txt", "a\0b", "sub/"])
def test_paths_that_leave_the_root_are_refused(root, path):
    assert reason(root, path) == "outside_root"


def test_links_are_refused_as_the_file_and_on_the_way(root):
    (root / "link.txt").symlink_to(root / "sub" / "a.txt")
    (root / "folder").symlink_to(root / "sub")
    assert reason(root, "link.txt") == "link"
    assert reason(root, "folder/a.txt") in {"link", "not_found"}  # ENOTDIR: a link is no folder


def test_a_fifo_neither_hangs_nor_opens(root):
    os.mkfifo(root / "pipe")
    assert reason(root, "pipe") == "not_regular"


def test_folders_devices_and_absent_files_have_their_reason(root):
    assert reason(root, "sub") == "not_regular"
    assert reason(root, "nothing") == "not_found"
    assert reason(root, "x" * 300) == "name_too_long"
