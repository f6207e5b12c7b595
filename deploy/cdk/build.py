"""Makes the asset of the functions: Interlock, what it needs, your configuration, and your agents.

python build.py interlock.yaml my_agents/ --python 3.13
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}

MIB = 1024 * 1024
LARGEST = 250 * MIB
"""What a function's code may come to, unzipped: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""


def build(config: Path, beside: list[Path], out: Path, python: str, architecture: str) -> None:
    """Fill the folder; what was in it goes."""
    shutil.rmtree(out, ignore_errors=True)
    into = ["uv", "pip", "install", "--target", str(out), "--python-version", python]
    into += ["--python-platform", PLATFORMS[architecture]]
    lock = ["--require-hashes", "--no-build", "--requirement", str(ROOT / "locks" / "lambda.txt")]
    for what in (lock, ["--no-deps", str(ROOT)]):
        subprocess.run([*into, *what], check=True)  # noqa: S603 - our own words
    shutil.copy(config, out / "interlock.yaml")
    for one in beside:
        if one.is_dir():
            shutil.copytree(one, out / one.name)
        else:
            shutil.copy(one, out)


def compile_all(out: Path, python: str) -> None:
    """Write the bytecode of all modules beside them: a function's folder is read-only, so each process would compile.

    It names no time of a file (`unchecked-hash`, PEP 552): in an archive, times are others.
    """
    words = ["uv", "run", "--no-project", "--python", python, "python", "-m", "compileall", "-q"]
    words += ["--invalidation-mode", "unchecked-hash", str(out)]
    subprocess.run(words, check=True)  # noqa: S603 - our own words


def check_size(out: Path) -> None:
    """Complain of what AWS would not take."""
    size = sum(one.stat().st_size for one in out.rglob("*") if one.is_file())
    if size > LARGEST:
        mends = "take fewer modules along, or do without bytecode (--no-bytecode)"
        raise SystemExit(f"{size / MIB:.0f} MB are more than the {LARGEST / MIB:.0f} that AWS takes: {mends}.")


def main() -> None:
    """Read the command line, and build."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("config", type=Path, help="interlock.yaml")
    given.add_argument("beside", type=Path, nargs="*", help="modules and folders of agents")
    given.add_argument("--out", type=Path, default=Path("asset"))
    given.add_argument("--python", default="3.13")
    given.add_argument("--architecture", choices=PLATFORMS, default="x86_64")
    given.add_argument("--bytecode", action=argparse.BooleanOptionalAction, default=True)
    said = given.parse_args()
    build(said.config, said.beside, said.out, said.python, said.architecture)
    if said.bytecode:
        compile_all(said.out, said.python)
    check_size(said.out)


if __name__ == "__main__":
    main()
