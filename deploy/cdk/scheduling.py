"""What invokes functions by time."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets

SCHEDULER = "scheduler.amazonaws.com"


@dataclass(frozen=True)
class Due:
    """The schedules that functions make for when something comes due, and the role by which these invoke the sweep."""

    group: scheduler.ScheduleGroup
    role: iam.Role

    @classmethod
    def of(cls, stack: Stack) -> Due:
        """Make both; no schedule outside of the group may have the role."""
        group = scheduler.ScheduleGroup(stack, "Due")
        from_it = {"aws:SourceAccount": Aws.ACCOUNT_ID, "aws:SourceArn": group.schedule_group_arn}
        trusted = iam.ServicePrincipal(SCHEDULER, conditions={"StringEquals": from_it})
        return cls(group, iam.Role(stack, "DueRole", assumed_by=trusted))

    @property
    def environment(self) -> dict[str, str]:
        """What a function must know to make schedules."""
        return {
            "INTERLOCK_SCHEDULE_GROUP": self.group.schedule_group_name,
            "INTERLOCK_SCHEDULE_ROLE": self.role.role_arn,
        }

    def allow(self, function: functions.Function) -> None:
        """Let a function make schedules in the group, with the role; it may change and delete none."""
        within = Stack.of(function).format_arn(
            service="scheduler", resource="schedule", resource_name=f"{self.group.schedule_group_name}/*"
        )
        function.add_to_role_policy(iam.PolicyStatement(actions=["scheduler:CreateSchedule"], resources=[within]))
        passed = {"StringEquals": {"iam:PassedToService": SCHEDULER}}
        function.add_to_role_policy(
            iam.PolicyStatement(actions=["iam:PassRole"], resources=[self.role.role_arn], conditions=passed)
        )


def each(stack: Stack, name: str, function: functions.Function, minutes: float) -> None:
    """Invoke a function every few minutes."""
    scheduler.Schedule(
        stack,
        f"{name}Schedule",
        schedule=scheduler.ScheduleExpression.rate(Duration.minutes(minutes)),
        target=targets.LambdaInvoke(function, retry_attempts=0),  # the next one does it
    )
