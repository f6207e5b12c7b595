"""The stack of deploy/cdk: its asset made, synthesised, and deployed as the command `cdk deploy` does it."""

import json
import os
import re
import subprocess
import sys
import zipfile
from contextlib import ExitStack, closing
from pathlib import Path

from tests.aws_stand_ins import REGION, client_of

CDK = Path(__file__).parents[2] / "deploy" / "cdk"
PYTHON = CDK.parents[1] / ".venv-cdk" / "bin" / "python"
NAME = "Interlock"
BOOTSTRAPPED = "/cdk-bootstrap/hnb659fds/version"
"""The parameter by which `cdk bootstrap` says that an account is prepared."""

DIFFERENCES = (
    (r'"sqs:SendMessage"', '"sqs:SendMessage", "sqs:SendMessageBatch"'),
    (r":schedule/[\w-]+/\*", ":schedule/default/*"),
)
"""Where ministack wants other permissions than AWS: that has none for a batch, and goes by a schedule's own group."""


def build_asset(config, out):
    """Make the asset of the functions, for the Python that runs this; return what the stack is told of it."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where uv is
    words = [sys.executable, "build.py", str(config), "--out", str(out), "--python", version]
    subprocess.run(words, cwd=CDK, env=os.environ | {"PATH": path}, check=True, capture_output=True)
    return {"asset": str(out), "python": version}


def synthesise(out, given):
    """Write the stack into a folder; return its template."""
    environ = {**os.environ, "CDK_OUTDIR": str(out), "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"}
    environ["CDK_CONTEXT_JSON"] = json.dumps(given)
    subprocess.run([PYTHON, "app.py"], cwd=CDK, env=environ, check=True, capture_output=True)
    return json.loads((out / f"{NAME}.template.json").read_text())


class Deployed:
    """The stack, deployed from the folder into which it was synthesised.

    Attributes:
        outputs: what it says of itself, by name.
    """

    def __init__(self, url, folder):
        with ExitStack() as stack:
            names = ("sts", "ssm", "s3", "cloudformation")
            clients = {name: stack.enter_context(closing(client_of(url, name))) for name in names}
            _publish(clients, folder)
            template = (folder / f"{NAME}.template.json").read_text()
            for at_aws, here in DIFFERENCES:
                template = re.sub(at_aws, here, template)
            self._make(clients["cloudformation"], template)

    def _make(self, stacks, template):
        stacks.create_stack(StackName=NAME, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
        stacks.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
        (made,) = stacks.describe_stacks(StackName=NAME)["Stacks"]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in made["Outputs"]}
        found = stacks.describe_stack_resources(StackName=NAME)["StackResources"]
        self._names = {(one["ResourceType"], one["LogicalResourceId"]): one["PhysicalResourceId"] for one in found}

    def queue(self, name):
        """Return the address of a queue, by its name in stack.py."""
        (found,) = [
            address
            for (kind, logical), address in self._names.items()
            if kind == "AWS::SQS::Queue" and logical.removesuffix(logical[-8:]) == name  # CDK adds a hash
        ]
        return found


def _publish(clients, folder):
    """Put the assets where the template looks for them, as their manifest says."""
    account, s3 = clients["sts"].get_caller_identity()["Account"], clients["s3"]
    clients["ssm"].put_parameter(Name=BOOTSTRAPPED, Value="30", Type="String")
    bucket = f"cdk-hnb659fds-assets-{account}-{REGION}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for one in json.loads((folder / f"{NAME}.assets.json").read_text())["files"].values():
        source = folder / one["source"]["path"]
        file = _zipped(source) if one["source"]["packaging"] == "zip" else source
        for to in one["destinations"].values():
            s3.upload_file(str(file), bucket, to["objectKey"])


def _zipped(source):
    file = source.with_suffix(".zip")
    with zipfile.ZipFile(file, "w") as archive:  # stored: to deflate it takes longer than all the rest
        for one in source.rglob("*"):
            archive.write(one, one.relative_to(source))
    return file
