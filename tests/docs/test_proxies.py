"""The configurations of proxies that a page shows are ones that these proxies take."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "proxy-oidc.md").read_text()


def shown(language):
    return re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]


def accepted(*command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def program(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"not on this platform: there is no {name}")
    return found


def test_nginx_takes_what_is_shown(tmp_path):
    nginx = program("nginx")
    version = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    text = shown("nginx")
    if tuple(map(int, re.search(r"(\d+)\.(\d+)\.(\d+)", version).groups())) < (1, 25, 1):  # as the page says
        text = text.replace("    http2 on;\n", "").replace("443 ssl;", "443 ssl http2;")
    openssl = program("openssl")
    order = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=approvals.example.com")
    accepted(openssl, *order, "-keyout", "approvals.key", "-out", "approvals.pem", folder=tmp_path)
    text = text.replace("/etc/ssl/", f"{tmp_path}/").replace("/var/log/nginx/", f"{tmp_path}/")
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{text}\n}}\n")
    accepted(nginx, "-t", "-q", "-c", str(file), "-p", str(tmp_path), folder=tmp_path)


def test_caddy_takes_what_is_shown(tmp_path):
    caddy = program("caddy")
    (tmp_path / "Caddyfile").write_text(shown("caddy"))
    accepted(caddy, "adapt", "--config", "Caddyfile", folder=tmp_path)
