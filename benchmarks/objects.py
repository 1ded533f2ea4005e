"""How long it takes to fetch a bucket into the raw root, and to find it unchanged, by requests under way at once, from a slow object store.

    python benchmarks/objects.py [--objects 2000] [--kib 4] [--latency-ms 30] [--at-once 1 2 4 16 64]

The store is moto's S3 server on loopback in a process of its own, which answers no request before the latency has passed. The floor is
latency x objects / requests at once; what is above it is the server's own work, which shares this machine's cores.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from unified_assets.catalog import fetching
from unified_assets.core.settings import Settings

BUCKET = "lake"


def main() -> None:
    """Measure every number of requests at once."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--objects", type=int, default=2000)
    ask.add_argument("--kib", type=int, default=4)
    ask.add_argument("--latency-ms", type=float, default=30.0)
    ask.add_argument("--at-once", type=int, nargs="+", default=[1, 2, 4, 16, 64])
    args = ask.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    server = context.Process(target=serve, args=(tell, args.objects, args.kib, args.latency_ms / 1e3), daemon=True)
    server.start()
    port = told.recv()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true"}
    print(f"{args.objects} objects of {args.kib} KiB, {args.latency_ms:g} ms a request")
    print(f"{'at once':<10}{'fetch s':>10}{'floor s':>10}{'objects/s':>12}{'CPU s':>8}{'unchanged s':>14}")
    for at_once in args.at_once:
        fetching.AT_ONCE = at_once
        with tempfile.TemporaryDirectory() as scratch:
            settings = Settings(raw=Path(scratch, "raw"), state=Path(scratch, "state"), raw_url=f"s3://{BUCKET}")
            wall, cpu = timed(settings, args.objects)
            again, _ = timed(settings, 0)
        floor = args.latency_ms / 1e3 * args.objects / at_once
        print(f"{at_once:<10}{wall:>10.1f}{floor:>10.1f}{args.objects / wall:>12.0f}{cpu:>8.1f}{again:>14.2f}", flush=True)
    server.terminate()


def timed(settings: Settings, expected: int) -> tuple[float, float]:
    """(wall seconds, CPU-seconds of this process) of a fetch of so many objects."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    found = fetching.fetch(settings)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    assert found is not None
    if found.fetched != expected:
        raise SystemExit(f"{found.fetched} objects fetched, {expected} expected")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def serve(tell: Any, objects: int, kib: int, latency_s: float) -> None:
    """The server, filled before it becomes slow."""
    import logging
    import threading

    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    backend, wait_s = DomainDispatcherApplication(create_backend_app), [0.0]

    def slow(environ: Any, start_response: Any) -> Any:
        time.sleep(wait_s[0])
        return backend(environ, start_response)

    server = make_server("127.0.0.1", 0, slow, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{server.port}", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    for number in range(objects):
        client.put_object(Bucket=BUCKET, Key=f"{number % 50:02}/{number:06}.txt", Body=f"{number} ".encode() + b"word " * (205 * kib - 2))
    wait_s[0] = latency_s
    tell.send(server.port)
    threading.Event().wait()


if __name__ == "__main__":
    main()
