"""The stack of CDK: what it takes from the code is as the code has it; synthesised, each role may what it needs."""

import json
import re
from importlib import import_module

import pytest
from tests.serverless.deployed import CDK, PYTHON, synthesise

from interlock.storage.dynamodb.keys import ENDS
from interlock.storage.dynamodb.schema import definition

GIVEN = {"mail": "ops@example.com", "secrets": {"SMTP": "interlock/smtp"}, "run_seconds": "600"}


def test_the_table_is_as_the_store_makes_it_and_each_option_is_in_the_readme():
    table = json.loads((CDK / "table.json").read_text())
    made = definition("any") | {"TimeToLive": ENDS}
    assert table == {name: one for name, one in made.items() if name != "TableName"}
    options = re.findall(r"^    (\w+): [\w\[\], ]+ = ", (CDK / "options.py").read_text(), re.MULTILINE)
    told = re.findall(r"^\| `(\w+)` \|", (CDK / "README.md").read_text(), re.MULTILINE)
    assert told == ["name", *options]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    if not PYTHON.exists():
        pytest.skip("the environment of CDK is missing: run `make env-cdk`")
    out, asset = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("asset")
    (asset / "interlock.yaml").write_text("{}")
    return synthesise(out, GIVEN | {"asset": str(asset)})


def of_type(template, kind):
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


@pytest.mark.soak
def test_each_function_is_there_with_its_variables_and_a_queue_hides_as_long_as_it_takes(template):
    functions = {one["Handler"].split(".")[2]: one for one in of_type(template, "AWS::Lambda::Function").values()}
    assert functions.keys() == {"api", "runs", "sweep", "messages"}
    for name, one in functions.items():
        assert import_module(f"interlock.aws_lambda.{name}").handler
        variables = one["Environment"]["Variables"]
        assert ("SMTP" in variables) is (name != "sweep")
        assert ("INTERLOCK_RUNS_QUEUE" in variables) is (name != "messages")
        assert ("INTERLOCK_SCHEDULE_ROLE" in variables) is (name != "messages")
        assert ("INTERLOCK_SWEEP" in variables) is (name in {"api", "runs"})
    queues = of_type(template, "AWS::SQS::Queue")
    waited = sorted(one["VisibilityTimeout"] for one in queues.values() if "RedrivePolicy" in one)
    assert waited == [300, 600]
    for one in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        assert (one["BatchSize"], one["FunctionResponseTypes"]) == (1, ["ReportBatchItemFailures"])
    rates = sorted(one["ScheduleExpression"] for one in of_type(template, "AWS::Scheduler::Schedule").values())
    assert rates == ["rate(1 minute)", "rate(5 minutes)"]


@pytest.mark.soak
def test_no_role_may_do_more_than_it_needs(template):
    documents = [one["PolicyDocument"] for one in of_type(template, "AWS::IAM::Policy").values()]
    for statement in [one for document in documents for one in document["Statement"]]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any(one.endswith("*") or one in {"dynamodb:UpdateItem", "dynamodb:Scan"} for one in actions)
        assert statement["Resource"] != "*"
    (bucket,) = of_type(template, "AWS::S3::Bucket").values()
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, "a restored table lacks what was dropped since"
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 35}
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert table["DeletionProtectionEnabled"]


@pytest.mark.soak
def test_functions_may_make_schedules_in_one_group_with_one_role_which_may_only_sweep(template):
    (group,) = of_type(template, "AWS::Scheduler::ScheduleGroup").values()
    policies = of_type(template, "AWS::IAM::Policy")
    may = {}
    for name, one in policies.items():
        for statement in one["PolicyDocument"]["Statement"]:
            if str(statement["Action"]).startswith(("scheduler:", "iam:")):
                may.setdefault(statement["Action"], []).append((name, statement))
    assert may.keys() == {"scheduler:CreateSchedule", "iam:PassRole"}
    for by in may.values():
        assert sorted(name[:4] for name, _ in by) == ["ApiS", "Runs", "Swee"]
    for _, statement in may["scheduler:CreateSchedule"]:
        assert f":schedule/{group['Name']}/*" in json.dumps(statement["Resource"])
    for _, statement in may["iam:PassRole"]:
        assert statement["Resource"]["Fn::GetAtt"][0].startswith("DueRole")
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    (role,) = [one for name, one in policies.items() if name.startswith("DueRole")]
    (statement,) = role["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    assert all("Sweep" in json.dumps(one) for one in statement["Resource"])
    (trusted,) = [one for name, one in of_type(template, "AWS::IAM::Role").items() if name.startswith("DueRole")]
    assert "aws:SourceArn" in json.dumps(trusted["AssumeRolePolicyDocument"])


@pytest.mark.soak
def test_somebody_is_told_of_dead_letters_late_messages_failures_and_a_throttled_table(template):
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    counted = sorted(one["MetricName"] for one in alarms)
    late = ["ApproximateAgeOfOldestMessage"] * 2 + ["ApproximateNumberOfMessagesVisible"] * 2
    assert counted == [*late, *["Errors"] * 4, "ThrottledRequests"]
    assert all(one["AlarmActions"] for one in alarms)
    assert of_type(template, "AWS::SNS::Subscription")
    assert of_type(template, "AWS::CloudWatch::Dashboard")
