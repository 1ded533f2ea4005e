"""The raw root in; how many paths a catalog of it must have out. Written apart from the walk, so that it can contradict it."""

import os
import stat

from unified_assets.catalog.ignoring import ignored_paths
from unified_assets.core.paths import encode_path
from unified_assets.core.settings import Settings


def count_paths(settings: Settings) -> int:
    """All paths below the raw root but folders, ignored ones, and the state folder's where it lies inside."""
    root, state = os.fsencode(settings.raw.absolute()), os.fsencode(settings.state.absolute())
    ignored, count = ignored_paths(settings), 0
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if stat.S_ISLNK(os.lstat(folder + b"/" + name).st_mode)]
        kept = []
        for name in (*names, *folders):
            path = folder + b"/" + name
            if ignored(encode_path(os.path.relpath(path, root)), encode_path(name)) or path == state:
                continue
            kept.append(name)
        count += sum(name in names or name in links for name in kept)
        folders[:] = [name for name in folders if name in kept and name not in links]
    return count
