"""Compare each directory with its log, and check that the log knows each token."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.domain.credentials import Credential
from interlock.domain.directory import STREAM, KeptDirectory
from interlock.engine.audit_findings import BACKUP, Findings
from interlock.engine.changes import Entry
from interlock.engine.integrity import directory_of_log

FORGED = "nobody comes in by it; take it away with the database's own tools, and find out who has made it"


async def audit_directories(findings: Findings) -> None:
    """Check every directory that has a row or entries, and every token."""
    tenants = [tenant for tenant, stream in findings.found.strangers if stream == STREAM]
    known = {tenant: await _directory(findings, tenant) for tenant in sorted({*findings.found.directories, *tenants})}
    for token in findings.found.tokens:
        directory = known.get(token.tenant, KeptDirectory(token.tenant))
        if directory is not None and not directory.knows(token) and not await _is_known_now(findings, token):
            told = f"The token {token.id} is stored, and the log does not know it like this."
            findings.tell(told, FORGED, (token.tenant, STREAM))


async def _directory(findings: Findings, tenant: str) -> KeptDirectory | None:
    """Return a directory as its log says; if the log was altered, note why and return None."""
    key = tenant, STREAM
    history = await findings.history(key)
    logged = None if history is None else findings.logged(key, lambda: directory_of_log(tenant, history))
    if logged is None:
        return None
    version = findings.found.directories.get(tenant)
    if version is not None and logged.version < version:
        told = f"The directory of {tenant} has had {version} entries, and only {logged.version} are there."
        findings.tell(f"Entries of the log are missing: {told}", BACKUP, key)
        findings.evidence.missing.add(key)
        return logged
    findings.readable.add(key)
    if version != logged.version and await _still(findings, tenant, history or ()):
        findings.add(f"The row of the directory of {tenant} is not what its log says.", key, "directory")
    return logged


async def _still(findings: Findings, tenant: str, history: Sequence[Entry]) -> bool:
    """Check again: others write meanwhile, and the log was read after the row."""
    return await findings.store.directory_version(tenant) < len(history)


async def _is_known_now(findings: Findings, token: Credential) -> bool:
    """Check again: the token may have been revoked meanwhile."""
    stored = await findings.store.credential(token.digest)
    history = await findings.history((token.tenant, STREAM))
    return stored is None or (bool(history) and directory_of_log(token.tenant, history or ()).knows(stored))
