"""Other tools on the same files, where they are installed: what one of them did, and in how many CPU-seconds.

    python benchmarks/rivals.py                        # which are installed
    python benchmarks/rivals.py libmagic LAKE          # one of them, as JSON

LAKE is what `benchmarks/data_plane.py --scratch DIR` gathers as `DIR/lake`: copies without extensions, `truth.json` beside them.
Each runs in a process of its own, started by data_plane.py, which prints our figures beside theirs.
"""

import contextlib
import importlib.util
import io
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

PICTURES = {"jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "webp"}
MAX_PICTURES = 600
_ALIASES = {"audio/x-wav": "audio/wav", "text/rtf": "application/rtf", "application/x-ndjson": "application/jsonl", "image/x-ms-bmp": "image/bmp"}


class Rival(NamedTuple):
    """A tool: the module that must be there, what to install for it, what of ours it is compared with."""

    module: str
    package: str
    compared_with: str  # detection, pictures or rescan
    run: Callable[[Path], dict[str, Any]]


def libmagic(lake: Path) -> dict[str, Any]:
    """Media types of all files by libmagic, without names."""
    import magic

    from unified_assets.files import detection

    promises = detection.kinds().promises
    truth: dict[str, str] = json.loads(lake.with_name("truth.json").read_text())
    wanted = {name: promises[suffix] for name, suffix in truth.items() if suffix in promises and (lake / name).stat().st_size}
    teller, told = magic.Magic(mime=True), {}
    cpu_s = _timed(lambda: told.update((name, teller.from_file(str(lake / name))) for name in wanted))
    return {"files": len(wanted), "right": sum(_ALIASES.get(told[name], told[name]) == promised for name, promised in wanted.items()), "cpu_s": cpu_s}


def cleanvision(lake: Path) -> dict[str, Any]:
    """All default issues of CleanVision on the pictures, in one process."""
    from cleanvision import Imagelab

    with _pictures(lake) as folder:
        laboratory = Imagelab(data_path=str(folder))
        cpu_s = _timed(lambda: laboratory.find_issues(n_jobs=1, verbose=False))
        return {"files": sum(1 for _ in folder.iterdir()), "cpu_s": cpu_s}


def imagededup(lake: Path) -> dict[str, Any]:
    """Perceptual hashes of the pictures and their near duplicates, in one process."""
    from imagededup.methods import PHash

    with _pictures(lake) as folder:
        hasher = PHash(verbose=False)

        def work() -> None:
            hashes = hasher.encode_images(image_dir=str(folder), num_enc_workers=0)
            hasher.find_duplicates(encoding_map=hashes, num_dist_workers=0)

        return {"files": sum(1 for _ in folder.iterdir()), "cpu_s": _timed(work)}


def datachain(lake: Path) -> dict[str, Any]:
    """Listing the folder, and listing it again unchanged."""
    with tempfile.TemporaryDirectory() as state:
        os.environ["DATACHAIN_ROOT_DIR"] = state
        import datachain as dc

        def listed() -> int:
            return int(dc.read_storage(lake.absolute().as_uri(), update=True, anon=True).save("lake").count())

        files = listed()
        return {"files": files, "cpu_s": _timed(listed)}


RIVALS = {
    "libmagic": Rival("magic", "python-magic", "detection", libmagic),
    "CleanVision": Rival("cleanvision", "cleanvision", "pictures", cleanvision),
    "imagededup": Rival("imagededup", "imagededup", "pictures", imagededup),
    "DataChain": Rival("datachain", "datachain", "rescan", datachain),
}


def installed(name: str) -> bool:
    """Whether a tool's module can be found."""
    return importlib.util.find_spec(RIVALS[name].module) is not None


@contextlib.contextmanager
def _pictures(lake: Path) -> Any:
    """A folder of links to the pictures of the lake, under names with their extensions; those cut short are left out: CleanVision ends at one."""
    truth: dict[str, str] = json.loads(lake.with_name("truth.json").read_text())
    names = sorted(name for name, suffix in truth.items() if suffix in PICTURES and (lake / name).stat().st_size)
    step = max(1, len(names) // MAX_PICTURES)
    with tempfile.TemporaryDirectory(prefix="unified-assets-") as folder:
        for name in filter(lambda name: _loads(lake / name), names[::step]):
            Path(folder, f"{name}.{truth[name]}").symlink_to((lake / name).absolute())
        yield Path(folder)


def _loads(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _timed(work: Callable[[], Any]) -> float:
    """CPU-seconds of a piece of work, its ended children's too, its chatter thrown away."""

    def cpu() -> float:
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    before = cpu()
    with contextlib.redirect_stdout(io.StringIO()):
        work()
    return cpu() - before


def main() -> None:
    """Run one tool, or say which are installed."""
    if len(sys.argv) == 3:
        print(json.dumps(RIVALS[sys.argv[1]].run(Path(sys.argv[2]))))
        return
    for name, rival in RIVALS.items():
        print(f"{name}: {'installed' if installed(name) else f'not installed (pip install {rival.package})'}")


if __name__ == "__main__":
    main()
