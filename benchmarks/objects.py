"""How long it takes to fetch a bucket into the raw root, to find it unchanged and to scan it, by requests under way at once and by workers.

    python benchmarks/objects.py [--objects 2000] [--kib 4] [--latency-ms 30] [--at-once 1 2 4 16 64] [--workers 1 2 4]

The store is a server of a few lines on loopback, in a process of its own: it lists objects and gives them as S3 does, and answers no request before
the latency has passed. The floor is latency x objects / requests at once. A scan reads the files that were fetched: its workers are processes of
this machine and wait for no request. Each row runs in a process of its own; its peak is the largest memory of that process, and of its largest
worker.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from unified_assets.catalog import fetching, scan
from unified_assets.compute.inventory import usable_cores
from unified_assets.core.settings import Settings

BUCKET = "lake"
PAGE = 1000  # objects of a listing that one answer holds, as S3 has it
CHANGED = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure every number of requests at once, then every number of workers."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--objects", type=int, default=2000)
    ask.add_argument("--kib", type=int, default=4)
    ask.add_argument("--latency-ms", type=float, default=30.0)
    ask.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4, 16, 64])
    ask.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    args = ask.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    server = context.Process(target=serve, args=(tell, args.objects, args.kib, args.latency_ms / 1e3), daemon=True)
    server.start()
    port = told.recv()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true"}
    cores = usable_cores()
    print(f"{args.objects} objects of {args.kib} KiB, {args.latency_ms:g} ms a request, {cores} cores, load {os.getloadavg()[0]:.1f}")
    titles = (("at once", 7), ("workers", 9), ("fetch s", 9), ("floor s", 9), ("objects/s", 11), ("CPU s", 8), ("unchanged s", 13))
    titles += (("scan s", 8), ("CPU s", 8), ("both s", 8), ("peak MB", 9))
    print("".join(f"{title:>{width}}" for title, width in titles))
    for at_once, workers in (*((one, cores) for one in args.at_once), *((args.at_once[-1], one) for one in args.workers)):
        with ProcessPoolExecutor(1, mp_context=context) as alone:
            row = alone.submit(measured, args.objects, at_once, workers).result()
        floor = args.latency_ms / 1e3 * args.objects / at_once
        fetch_s, fetch_cpu_s, again_s, scan_s, scan_cpu_s, peak = row
        line = f"{at_once:>7}{workers:>9}{fetch_s:>9.1f}{floor:>9.1f}{args.objects / fetch_s:>11.0f}{fetch_cpu_s:>8.1f}{again_s:>13.2f}"
        print(f"{line}{scan_s:>8.1f}{scan_cpu_s:>8.1f}{fetch_s + scan_s:>8.1f}{peak:>9.0f}", flush=True)
    server.terminate()


def measured(objects: int, at_once: int, workers: int) -> tuple[float, ...]:
    """Seconds and CPU-seconds of a fetch, seconds of one that finds nothing changed, seconds and CPU-seconds of a scan; peak memory in MB."""
    fetching.AT_ONCE = at_once
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(raw=Path(scratch, "raw"), state=Path(scratch, "state"), raw_url=f"s3://{BUCKET}", workers=workers)
        fetch_s, fetch_cpu_s = timed(lambda: fetched(settings), objects)
        again_s, _ = timed(lambda: fetched(settings), 0)
        scan_s, scan_cpu_s = timed(lambda: scan(settings).added, objects)
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1e3
    return fetch_s, fetch_cpu_s, again_s, scan_s, scan_cpu_s, peak


def fetched(settings: Settings) -> int:
    """How many objects a fetch brought."""
    found = fetching.fetch(settings)
    assert found is not None
    return found.fetched


def timed(work: Callable[[], int], expected: int) -> tuple[float, float]:
    """(wall seconds, CPU-seconds of this process and its workers) of work on so many objects."""
    before, began = cpu_s(), time.perf_counter()
    done = work()
    wall = time.perf_counter() - began
    if done != expected:
        raise SystemExit(f"{done} objects, {expected} expected")
    return wall, cpu_s() - before


def cpu_s() -> float:
    """CPU-seconds of this process and of those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def serve(tell: Any, objects: int, kib: int, latency_s: float) -> None:
    """The server: it lists the objects and gives them, each answer after the latency."""
    keys = sorted(f"{number % 50:02}/{number:06}.txt" for number in range(objects))
    words = b"word " * (205 * kib - 2)

    def body(key: str) -> bytes:
        return f"{int(key[3:9])} ".encode() + words

    def listed(start: int) -> bytes:
        page = keys[start : start + PAGE]
        told = "".join(
            f"<Contents><Key>{key}</Key><LastModified>{CHANGED:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f'<ETag>"{key}"</ETag><Size>{len(body(key))}</Size></Contents>'
            for key in page
        )
        more = f"<NextContinuationToken>{start + PAGE}</NextContinuationToken>" if start + PAGE < objects else ""
        return f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{told}</ListBucketResult>".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                target = urlsplit((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode())
                await asyncio.sleep(latency_s)
                asked, key = parse_qs(target.query), target.path.removeprefix(f"/{BUCKET}").lstrip("/")
                data = listed(int(asked.get("continuation-token", ["0"])[0])) if "list-type" in asked else body(key)
                head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\nETag: "{key}"\r\nLast-Modified: {format_datetime(CHANGED, usegmt=True)}\r\n\r\n'
                writer.write(head.encode() + data)
                await writer.drain()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


if __name__ == "__main__":
    main()
