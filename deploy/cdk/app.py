"""Synthesises the stack: `python app.py`, or by the `cdk` command. README.md says what it may be told."""

from __future__ import annotations

from aws_cdk import App
from options import Options
from stack import Interlock

app = App()
Interlock(app, app.node.try_get_context("name") or "Interlock", Options.of(app.node))
app.synth()
