"""The stack: an HTTP API, four functions, two queues with dead letters, a table, a bucket, schedules, alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Aws, CfnOutput, Duration, SecretValue, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct
from options import Options
from scheduling import Due, each
from storage import Queues, bucket_of, queues_of, table_of
from watching import watch

READS_AND_WRITES = (
    *("DescribeTable", "GetItem", "BatchGetItem", "PutItem", "DeleteItem", "ConditionCheckItem", "Query"),
)
"""What docs/how-to/dynamodb.md says that a role needs: nobody may update an item, or read the whole table."""

API_SECONDS, SWEEP_SECONDS, MESSAGE_SECONDS = 29, 60, 300


@dataclass(frozen=True)
class Function:
    """One of the functions.

    Args:
        seconds: its time-out.
        tells: the queues to which it sends, by the variables that have their addresses.
        secrets: whether it is given the secrets.
        schedules: whether it commits what comes due.
    """

    name: str
    seconds: int
    tells: Mapping[str, Queues]
    secrets: bool = True
    schedules: bool = True


class Interlock(Stack):
    """Interlock where nothing runs while people think."""

    def __init__(self, scope: Construct, name: str, options: Options) -> None:
        super().__init__(scope, name, description="Interlock: people decide what agents do")
        self._options = options
        self._table = table_of(self, keep=options.keep)
        self._bucket = bucket_of(self, keep=options.keep)
        runs = queues_of(self, "Runs", options.run_seconds)
        messages = queues_of(self, "Messages", MESSAGE_SECONDS)
        http = apigateway.HttpApi(self, "Http", create_default_stage=True)
        self._origin = options.origin or http.api_endpoint
        self._code = functions.Code.from_asset(str(Path(options.asset).resolve()))
        tells = {"INTERLOCK_RUNS_QUEUE": runs, "INTERLOCK_MESSAGES_QUEUE": messages}
        self._due = Due.of(self)
        sweeps = self._made(Function("sweep", SWEEP_SECONDS, tells, secrets=False))
        sweeps.grant_invoke(self._due.role)
        api = self._made(Function("api", API_SECONDS, tells))
        carries = self._made(Function("runs", options.run_seconds, tells))
        sends = self._made(Function("messages", MESSAGE_SECONDS, {}, schedules=False))
        for function in (api, carries):
            function.add_environment("INTERLOCK_SWEEP", sweeps.function_arn)
        integration = HttpLambdaIntegration("Integration", api)
        apigateway.HttpRoute(
            self, "Route", http_api=http, route_key=apigateway.HttpRouteKey.DEFAULT, integration=integration
        )
        for function, queue in ((carries, runs), (sends, messages)):
            source = sources.SqsEventSource(queue.queue, batch_size=1, report_batch_item_failures=True)
            function.add_event_source(source)
        each(self, "Sweep", sweeps, options.sweep_minutes)
        each(self, "Messages", sends, 1)
        watch(self, [api, carries, sweeps, sends], [runs, messages], self._table, options.mail)
        CfnOutput(self, "Origin", value=self._origin)
        CfnOutput(self, "Database", value=self._database)

    @property
    def _database(self) -> str:
        return f"dynamodb://{self._table.ref}?region={Aws.REGION}&bucket={self._bucket.bucket_name}"

    def _made(self, given: Function) -> functions.Function:
        title = given.name.title()
        made = functions.Function(
            self,
            title,
            code=self._code,
            handler=f"interlock.aws_lambda.{given.name}.handler",
            runtime=functions.Runtime(f"python{self._options.python}", functions.RuntimeFamily.PYTHON),
            architecture=functions.Architecture.custom(self._options.architecture),
            memory_size=self._options.memory,
            timeout=Duration.seconds(given.seconds),
            environment=self._environment(given),
            log_group=logs.LogGroup(self, f"{title}Log", retention=logs.RetentionDays.THREE_MONTHS),
        )
        for queues in given.tells.values():
            queues.queue.grant_send_messages(made)
        if given.schedules:
            self._due.allow(made)
        self._allow(made, [f"dynamodb:{one}" for one in READS_AND_WRITES], [self._table.attr_arn])
        self._allow(made, ["dynamodb:Query"], [f"{self._table.attr_arn}/index/*"])
        of_objects = [f"s3:{verb}Object" for verb in ("Get", "Put", "Delete")]
        self._allow(made, of_objects, [self._bucket.arn_for_objects("*")])
        return made

    def _environment(self, given: Function) -> dict[str, str]:
        secrets = self._options.secrets if given.secrets else {}
        schedules = self._due.environment if given.schedules else {}
        return {
            "INTERLOCK_CONFIG": "/var/task/interlock.yaml",
            "INTERLOCK_DATABASE_URL": self._database,
            "INTERLOCK_ORIGIN": self._origin,
            "XDG_DATA_HOME": "/tmp",  # noqa: S108 - all else cannot be written there
            **self._options.environment,
            **schedules,
            **{name: queues.queue.queue_url for name, queues in given.tells.items()},
            **{name: SecretValue.secrets_manager(of).unsafe_unwrap() for name, of in secrets.items()},
        }

    @staticmethod
    def _allow(function: functions.Function, actions: Sequence[str], resources: Sequence[str]) -> None:
        function.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
