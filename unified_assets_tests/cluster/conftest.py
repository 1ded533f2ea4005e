"""A real S3 server on loopback, with an empty bucket."""

from urllib.request import Request, urlopen

import pytest


@pytest.fixture
def bucket(monkeypatch):
    import boto3
    from moto import server

    served = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    served.start()
    endpoint = "http://{}:{}".format(*served.get_host_and_port())
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    told = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "hidden-word", "AWS_REGION": "us-east-1"}
    for name, value in {**told, "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="lake")
    yield client
    served.stop()
