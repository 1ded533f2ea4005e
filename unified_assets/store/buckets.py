"""URLs of buckets in; their objects listed, read and created out (obstore). Errors name the URL, never a secret."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unified_assets.core.errors import DataError, InvalidSetting

CHUNK_BYTES = 4 << 20


class BucketUnreachable(DataError):
    """A bucket cannot be listed, or some of its objects cannot be read or written."""

    def __init__(self, *, url: str, problem: str) -> None:
        self.url, self.problem = url, problem
        super().__init__(f"{url}: {problem}. What came before is kept; mend it (credentials, region and endpoint are read from the environment) and run again.")


def opened(url: str, *, field: str) -> Any:
    """The object store of a URL that stands in a setting. Raises InvalidSetting."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        told = f"{parts.scheme}://…@{parts.hostname}{parts.path}"
        raise bad_url(told, "it holds credentials, which would end up in logs", "Set them in the environment (AWS_ACCESS_KEY_ID and the like).", field=field)
    try:
        from obstore.exceptions import BaseError  # type: ignore[import-not-found, unused-ignore]
        from obstore.store import from_url  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise bad_url(url, "obstore is not installed", 'Install the extra: `pip install "unified-assets[objects]"`.', field=field) from error
    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise bad_url(url, first_line(error), "Name a bucket or a prefix of one: s3://bucket/prefix, gs://…, az://…, file:///….", field=field) from error


def bad_url(url: str, problem: str, fix: str, *, field: str) -> InvalidSetting:
    """A URL that cannot be used."""
    return InvalidSetting(source="settings", field=field, value=url, problem=problem, fix=fix)


def entries(objects: Any, url: str, prefix: str | None = None) -> Iterator[Mapping[str, Any]]:
    """path, e_tag, size and last_modified of every object. Raises BucketUnreachable."""
    import obstore  # type: ignore[import-not-found, unused-ignore]

    try:
        for batch in obstore.list(objects, prefix):
            yield from batch
    except (obstore.exceptions.BaseError, OSError) as error:
        raise BucketUnreachable(url=url, problem=f"it cannot be listed: {first_line(error)}") from error


def keys(objects: Any, url: str, prefix: str) -> list[str]:
    """Names of the objects below a prefix. Raises BucketUnreachable."""
    return [str(entry["path"]) for entry in entries(objects, url, prefix)]


def stream_to(objects: Any, key: str, target: Path) -> Mapping[str, Any]:
    """Write an object's bytes to a file. Returns what the store says of it. Raises obstore's errors and OSError as they are."""
    import obstore  # type: ignore[import-not-found, unused-ignore]

    found = obstore.get(objects, key)
    with target.open("wb") as stream:
        for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
            stream.write(chunk)
    meta: Mapping[str, Any] = found.meta
    return meta


def read(objects: Any, url: str, key: str, target: Path) -> None:
    """Write an object's bytes to a file. Raises BucketUnreachable."""
    import obstore  # type: ignore[import-not-found, unused-ignore]

    try:
        stream_to(objects, key, target)
    except (obstore.exceptions.BaseError, FileNotFoundError) as error:
        raise BucketUnreachable(url=url, problem=f"{key} cannot be read: {first_line(error)}") from error


def create(objects: Any, url: str, key: str, source: Path) -> bool:
    """Write a file as an object that must not exist. False where it does: what is there stays. Raises BucketUnreachable."""
    import obstore  # type: ignore[import-not-found, unused-ignore]

    try:
        obstore.put(objects, key, source, mode="create")
    except FileExistsError:
        return False
    except obstore.exceptions.BaseError as error:
        if isinstance(error, obstore.exceptions.AlreadyExistsError | obstore.exceptions.PreconditionError):
            return False
        raise BucketUnreachable(url=url, problem=f"{key} cannot be written: {first_line(error)}") from error
    return True


def create_all(objects: Any, url: str, files: Mapping[str, Path], *, at_once: int) -> int:
    """Write many; those that are there already stay. Returns the bytes of all. Raises BucketUnreachable."""
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda entry: create(objects, url, *entry), files.items()))
    return sum(path.stat().st_size for path in files.values())


def delete(objects: Any, url: str, names: Sequence[str]) -> None:
    """Delete objects; those that are gone already do not matter. Raises BucketUnreachable."""
    import obstore  # type: ignore[import-not-found, unused-ignore]

    try:
        if names:
            obstore.delete(objects, names)
    except FileNotFoundError:
        return
    except (obstore.exceptions.BaseError, OSError) as error:
        raise BucketUnreachable(url=url, problem=f"objects cannot be deleted: {first_line(error)}") from error


def hash_of(path: Path) -> str:
    """What the bytes of a file are known by in a bucket."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


def first_line(error: BaseException) -> str:
    """An error in one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
