"""Take a picture of every page of `interlock demo --web`, at both sizes, light and dark, into the folder `pictures`.

With `--small`, six for the README as well, into `docs/pictures`.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright
from tests.browser.conftest import CHROMIUM, FLAGS, SIZES
from tests.server.page_routes import OPEN_PAGES, PAGES

ROOT = Path(__file__).parents[2]
ALL, SMALL = ROOT / "pictures", ROOT / "docs" / "pictures"
MIA, OLGA = "mia@example.com", "olga@example.com"
STATES = ("open", "approved", "rejected", "expired", "revised")
NO_PICTURE = ("/assets/", "/log/export", "/log/{stream}/{number}/bytes")
FOR_README = {
    "inbox": ("", "desk", "light"),
    "inbox-phone": ("", "phone", "dark"),
    "mailing": ("requests-send_campaign", "desk", "light"),
    "payment-phone": ("requests-pay_invoice", "phone", "light"),
    "trip": ("requests-book_flight", "desk", "light"),
    "statistics": ("statistics", "desk", "dark"),
}


@contextlib.contextmanager
def demo():
    """Yield where a new demo is, and by which links one signs in."""
    with tempfile.TemporaryDirectory() as folder:
        order = [
            Path(sys.executable).with_name("interlock"),
            "demo",
            "--web",
            "--port",
            "0",
            "--json",
            "--folder",
            folder,
        ]
        with subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as serving:
            try:
                yield json.loads(serving.stdout.readline())
            finally:  # also where a page fails: its end is awaited
                serving.terminate()


async def listed(context, path, name):
    answer = await (await context.request.get(f"/api/v1/{path}")).json()
    return answer[name]


async def addresses(context):
    """Return each page to see, by a name for its picture."""
    found = {}
    for status in STATES:
        for one in await listed(context, f"requests?limit=100&status={status}", "requests"):
            subject = one["stands"].get("name") or one["kind"]
            of = subject if status == "open" else f"{subject}-{status}"
            of += "" if one["effect"]["state"] in {"none", "executed"} else f"-{one['effect']['state']}"
            found.setdefault(f"requests-{of}", f"/requests/{one['id']}")
            if status == "open":
                act = "answer" if one["kind"] == "input" else "edit"
                found.setdefault(f"requests-{of}-{act}", f"/requests/{one['id']}/{act}")
    for one in await listed(context, "runs?limit=100", "runs"):
        found.setdefault(f"runs-{one['agent']}-{one['status']}", f"/runs/{one['id']}")
    found |= {f"inbox-{which}": f"/?list={which}" for which in ("others", "decided")}
    found |= {"agents-trip": "/agents/trip", "nowhere": "/nowhere"}
    plain = [path for method, path in {**PAGES, **OPEN_PAGES} if method == "GET" and "{" not in path]
    return found | {path.strip("/").replace("/", "-"): path for path in plain if not path.startswith(NO_PICTURE)}


async def main(*, small):
    ALL.mkdir(exist_ok=True)
    SMALL.mkdir(exist_ok=True)
    with demo() as told:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            first = await signed_in(browser, told, OLGA)
            state, pages = await first.storage_state(), await addresses(first)
            mine = await (await signed_in(browser, told, MIA)).storage_state()
            for size, pixels in SIZES.items():
                for scheme in ("light", "dark"):
                    look = {"viewport": pixels, "color_scheme": scheme, "base_url": told["origin"]}
                    decides = await browser.new_context(storage_state=mine, **look)
                    manages = await browser.new_context(storage_state=state, **look)
                    for name, path in pages.items():
                        of = decides if name.startswith(("requests", "inbox")) or not name else manages
                        await take(of, path, f"{name or 'inbox'}.{size}.{scheme}.png")
                    if small:
                        await take_small(decides, manages, pages, size, scheme)


async def take_small(decides, manages, pages, size, scheme):
    for file, (name, of_size, of_scheme) in FOR_README.items():
        if (of_size, of_scheme) == (size, scheme):
            await take(manages if name == "statistics" else decides, pages[name], f"{file}.jpg", folder=SMALL)


async def signed_in(browser, told, person):
    context = await browser.new_context(base_url=told["origin"])
    page = await context.new_page()
    await page.goto(told["sign_in"][person])
    await page.get_by_role("button", name="Sign in").first.click()
    await page.wait_for_load_state()
    return context


async def take(context, path, name, folder=ALL):
    page = await context.new_page()
    await page.goto(path)
    await page.evaluate("() => document.fonts.ready")
    how = {"full_page": True} if folder == ALL else {"type": "jpeg", "quality": 60}
    await page.screenshot(path=folder / name, animations="disabled", **how)
    await page.close()


if __name__ == "__main__":
    asyncio.run(main(small="--small" in sys.argv))
