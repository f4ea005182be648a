"""Sources in a bucket, through a server that speaks S3's protocol."""

import gzip

import boto3
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from metier.errors import SourceError
from metier.sources import TableSource

TICKETS = b"id,text\n1,The printer jams.\n2,The screen stays dark.\n"
NOTES = b"id,text\n3,The door is open.\n"


@pytest.fixture
def bucket(monkeypatch):
    """Two tables below ``desk/tickets``, and the login that a user would set."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="desk")
    client.put_object(Bucket="desk", Key="tickets/a.csv", Body=TICKETS)
    client.put_object(Bucket="desk", Key="tickets/old/b.csv.gz", Body=gzip.compress(NOTES))
    S3FileSystem.clear_instance_cache()  # one that an earlier test left knows another port
    yield client
    server.stop()


def read(path):
    return [(document.uri, document.text) for document in TableSource(path).documents(print)]


def test_a_file_a_folder_and_a_glob_are_read(bucket):
    printer = ("s3://desk/tickets/a.csv", "The printer jams.")
    screen = ("s3://desk/tickets/a.csv", "The screen stays dark.")
    door = ("s3://desk/tickets/old/b.csv.gz", "The door is open.")
    assert read("s3://desk/tickets/a.csv") == [printer, screen]
    assert read("s3://desk/tickets/*.csv") == [printer, screen]
    assert read("s3://desk/tickets") == [printer, screen, door]


def test_what_is_not_there_is_told_with_what_is(bucket):
    with pytest.raises(SourceError, match="there is no such file or folder; did you mean tickets"):
        read("s3://desk/ticket")


def test_a_bucket_without_a_login_says_how_to_log_in(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceError, match=r"cannot be reached .*; check the network, or log in"):
        read("s3://desk/tickets/a.csv")
