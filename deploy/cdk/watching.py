"""Alarms, and a dashboard."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_sns as sns
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from storage import Queues

OLDEST = Duration.minutes(15)
"""How long a message may wait before somebody is told."""

SPAN = Duration.minutes(5)


def watch(
    stack: Stack,
    made: Sequence[functions.Function],
    queues: Sequence[Queues],
    table: dynamodb.CfnTable,
    mail: str,
) -> None:
    """Tell of dead letters, of messages that wait, of functions that fail, and of a table that is asked too much."""
    topic = sns.Topic(stack, "Alarms", enforce_ssl=True)
    if mail:
        topic.add_subscription(EmailSubscription(mail))
    throttled = _of_table(table, "ThrottledRequests")
    alarms = [
        *(_alarm(stack, one.dead, one.dead.metric_approximate_number_of_messages_visible(), 1) for one in queues),
        *(
            _alarm(stack, one.queue, one.queue.metric_approximate_age_of_oldest_message(), OLDEST.to_seconds())
            for one in queues
        ),
        *(_alarm(stack, one, one.metric_errors(period=SPAN), 1) for one in made),
        _alarm(stack, table, throttled, 1),
    ]
    for alarm in alarms:
        alarm.add_alarm_action(actions.SnsAction(topic))
    _draw(stack, made, queues, table)


def _draw(stack: Stack, made: Sequence[functions.Function], queues: Sequence[Queues], table: dynamodb.CfnTable) -> None:
    cloudwatch.Dashboard(
        stack,
        "Dashboard",
        widgets=[
            [_graph("Invocations", [one.metric_invocations(period=SPAN) for one in made])],
            [_graph("Failures", [one.metric_errors(period=SPAN) for one in made])],
            [_graph("Durations (p95)", [one.metric_duration(period=SPAN, statistic="p95") for one in made])],
            [
                _graph(
                    "Messages that wait", [one.queue.metric_approximate_number_of_messages_visible() for one in queues]
                )
            ],
            [_graph("Dead letters", [one.dead.metric_approximate_number_of_messages_visible() for one in queues])],
            [
                _graph(
                    "Units of the table",
                    [_of_table(table, f"Consumed{kind}CapacityUnits") for kind in ("Read", "Write")],
                )
            ],
        ],
    )


def _of_table(table: dynamodb.CfnTable, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.ref},
        statistic="Sum",
        period=SPAN,
    )


def _alarm(stack: Stack, of: object, metric: cloudwatch.Metric, threshold: float) -> cloudwatch.Alarm:
    return cloudwatch.Alarm(
        stack,
        f"{of.node.id}{metric.metric_name}",
        metric=metric,
        threshold=threshold,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )


def _graph(title: str, metrics: Sequence[cloudwatch.Metric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=24)
