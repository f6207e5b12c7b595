"""What a browser says of itself (User-Agent, RFC 9110 section 10.1.5), as people call it: `Firefox on Windows`."""

from __future__ import annotations

_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Safari/": "Safari",
}
_MACHINES = {
    "iPhone": "an iPhone",
    "iPad": "an iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "a Chromebook",
    "Macintosh": "a Mac",
    "Linux": "Linux",
}
"""By what a browser names itself and its machine: the first that fits, since each names those before it as well."""


def browser_name(said: str) -> str:
    """Return which browser it is, and on what, by what it says; whatever else it says as it is."""
    browser = next((name for sign, name in _BROWSERS.items() if sign in said), None)
    machine = next((name for sign, name in _MACHINES.items() if sign in said), None)
    return f"{browser} on {machine}" if said.startswith("Mozilla/") and browser and machine else said
