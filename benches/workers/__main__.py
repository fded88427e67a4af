"""Measures what a second worker brings: one episode by one worker on one core, then by two on one core each.

Runs against moto, which others wrote, with the worker's own binary and production settings but for the threshold from
which work is shared. Prints wall times, their ratio, and who made how many chunks.
"""

import argparse
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import boto3
import botocore.exceptions

REGION = "eu-west-3"
BUCKET = "flodrama-media-bench"
KEY = "uploads/episode.mp4"
PATIENCE_S = 3600


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench workers", description=__doc__)
    parser.add_argument("--source", required=True, help="the episode; long enough for many chunks of 12 s")
    parser.add_argument("--worker", required=True, help="flodrama-worker")
    parser.add_argument("--moto", required=True, help="moto_server")
    parser.add_argument("--rounds", type=int, default=1, help="how often both are measured [default: 1]")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("two cores are needed")
    ratios = []
    for _ in range(arguments.rounds):
        alone = measure(arguments, cores[:1])
        both = measure(arguments, cores[:2])
        ratios.append(both / alone)
        print(f"two workers take {ratios[-1]:.2f} of the time of one", flush=True)
    print(f"median ratio: {sorted(ratios)[len(ratios) // 2]:.2f}")


def measure(arguments, cores):
    """Seconds from the workers' start to the publication."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        moto = subprocess.Popen(
            [arguments.moto, "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        workers = []
        try:
            endpoint = f"http://127.0.0.1:{port}"
            wait_for(endpoint)
            s3, queue = set_up(endpoint)
            # In one request, so that it is announced once.
            with open(arguments.source, "rb") as source:
                s3.put_object(Bucket=BUCKET, Key=KEY, Body=source)
            begun = time.monotonic()
            workers = [start(arguments.worker, endpoint, queue, core, folder) for core in cores]
            version = published(s3, workers)
            seconds = time.monotonic() - begun
            print(f"{len(cores)} worker(s): {seconds:.1f} s, chunks: {chunks(s3, version)}", flush=True)
            return seconds
        finally:
            for process in [*workers, moto]:
                process.terminate()
            for process in [*workers, moto]:
                process.wait(timeout=60)


def start(worker, endpoint, queue, core, folder):
    settings = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": REGION,
        "FLODRAMA_S3__BUCKET": BUCKET,
        "FLODRAMA_S3__ENDPOINT_URL": endpoint,
        "FLODRAMA_QUEUE__URL": queue,
        "FLODRAMA_QUEUE__ENDPOINT_URL": endpoint,
        "FLODRAMA_WORK__SCRATCH": f"{folder}/{core}",
        "FLODRAMA_WORK__JOBS": "1",
        "FLODRAMA_WORK__FAMILIES": "[]",
        "FLODRAMA_WORK__SHARE_FROM_S": "1",
        "FLODRAMA_LOG__LEVEL": "warn",
    }
    return subprocess.Popen(["taskset", "--cpu-list", str(core), worker, "run"], env=settings)


def set_up(endpoint):
    access = {
        "endpoint_url": endpoint,
        "region_name": REGION,
        "aws_access_key_id": "bench",
        "aws_secret_access_key": "bench",
    }
    s3, sqs = boto3.client("s3", **access), boto3.client("sqs", **access)
    queue = sqs.create_queue(QueueName="uploads")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    uploads = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "uploads/"}]}}
    rule = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": uploads}
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [rule]}
    )
    return s3, queue


def published(s3, workers):
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE_S:
        if any(worker.poll() is not None for worker in workers):
            raise SystemExit("a worker ended")
        try:
            pointer = s3.get_object(Bucket=BUCKET, Key="vod/episode/current.json")
            return json.load(pointer["Body"])["version"]
        except botocore.exceptions.ClientError:
            time.sleep(0.2)
    raise SystemExit("it is never published")


def chunks(s3, version):
    """How many chunks each worker claimed last, or all of them where nothing was shared."""
    made = {}
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=f"jobs/episode/{version}/claims/chunk-"
    )
    for page in pages:
        for found in page.get("Contents", []):
            claim = json.load(s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"])
            made[claim["worker"]] = made.get(claim["worker"], 0) + 1
    return " + ".join(str(count) for count in made.values())


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(endpoint):
    for _ in range(300):
        try:
            urllib.request.urlopen(endpoint + "/moto-api/", timeout=1)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit("moto does not start")


main()
