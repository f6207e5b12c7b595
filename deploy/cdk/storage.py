"""The table, the bucket and the queues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

TABLE = json.loads(Path(__file__).with_name("table.json").read_text())
"""The table as `interlock.storage.dynamodb.schema.definition` has it; a test compares them."""

ATTEMPTS = 3
"""How often a message is received before it is put among the dead letters, and people are told of it."""

RESTORED = Duration.days(35)
"""How far back AWS restores a table."""


class Queues(NamedTuple):
    """A queue, and what it could not have carried out."""

    queue: sqs.Queue
    dead: sqs.Queue


def table_of(scope: Construct, *, keep: bool) -> dynamodb.CfnTable:
    """Return the table: paid by request, restored to any second of the last 35 days, and not deleted by mistake."""
    made = dynamodb.CfnTable(
        scope,
        "Table",
        billing_mode=TABLE["BillingMode"],
        attribute_definitions=[
            dynamodb.CfnTable.AttributeDefinitionProperty(attribute_name=one["AttributeName"], attribute_type="S")
            for one in TABLE["AttributeDefinitions"]
        ],
        key_schema=_keys(TABLE),
        global_secondary_indexes=[
            dynamodb.CfnTable.GlobalSecondaryIndexProperty(
                index_name=one["IndexName"],
                key_schema=_keys(one),
                projection=dynamodb.CfnTable.ProjectionProperty(
                    projection_type="INCLUDE", non_key_attributes=one["Projection"]["NonKeyAttributes"]
                ),
            )
            for one in TABLE["GlobalSecondaryIndexes"]
        ],
        time_to_live_specification=dynamodb.CfnTable.TimeToLiveSpecificationProperty(
            attribute_name=TABLE["TimeToLive"], enabled=True
        ),
        point_in_time_recovery_specification=dynamodb.CfnTable.PointInTimeRecoverySpecificationProperty(
            point_in_time_recovery_enabled=True
        ),
        sse_specification=dynamodb.CfnTable.SSESpecificationProperty(sse_enabled=True),
        deletion_protection_enabled=keep,
    )
    made.apply_removal_policy(_removal(keep=keep))
    return made


def _keys(given: dict[str, list[dict[str, str]]]) -> list[dynamodb.CfnTable.KeySchemaProperty]:
    return [
        dynamodb.CfnTable.KeySchemaProperty(attribute_name=one["AttributeName"], key_type=one["KeyType"])
        for one in given["KeySchema"]
    ]


def bucket_of(scope: Construct, *, keep: bool) -> s3.Bucket:
    """Return the bucket for large values: private, encrypted, reached by TLS alone.

    What was deleted or replaced stays for as long as a table can be restored to a time at which it was used.
    """
    return s3.Bucket(
        scope,
        "LargeValues",
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        versioned=True,
        lifecycle_rules=[s3.LifecycleRule(noncurrent_version_expiration=RESTORED, expired_object_delete_marker=True)],
        removal_policy=_removal(keep=keep),
    )


def queues_of(scope: Construct, name: str, seconds: int) -> Queues:
    """Return a queue whose function takes at most so many seconds."""
    dead = sqs.Queue(scope, f"{name}DeadLetters", enforce_ssl=True, retention_period=Duration.days(14))
    return Queues(
        sqs.Queue(
            scope,
            f"{name}Queue",
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(seconds),  # of a throttled function the sweep makes up for what is lost
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=ATTEMPTS, queue=dead),
        ),
        dead,
    )


def _removal(*, keep: bool) -> RemovalPolicy:
    return RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY
