"""What the demo's agents ask: requests of every kind, as a small company has them."""

from __future__ import annotations

from interlock.domain.action import Action, Draft, Question
from interlock.domain.canonical import Json
from interlock.service.agent_client import Asked

VENDORS = ("Northwind Paper", "Cloud & Söhne", "Hafen Catering", "Lumen Electric", "Pixel Print", "Orbit Hosting")
MONEY: dict[str, Json] = {"type": "string", "pattern": r"^[0-9]{1,7}\.[0-9]{2}$", "description": "such as 499.90"}
LINE: dict[str, Json] = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}, "price": MONEY},
    "required": ["item", "quantity", "price"],
    "additionalProperties": False,
}
INVOICE: dict[str, Json] = {
    "type": "object",
    "properties": {
        "vendor": {"type": "string", "minLength": 1, "title": "To whom"},
        "amount": {**MONEY, "title": "Amount"},
        "currency": {"enum": ["EUR", "USD", "CHF"]},
        "iban": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$", "title": "Account (IBAN)"},
        "due": {"type": "string", "format": "date"},
        "lines": {"type": "array", "items": LINE, "minItems": 1},
    },
    "required": ["vendor", "amount", "currency", "iban", "due", "lines"],
    "additionalProperties": False,
}
PATCH = """\
diff --git a/shop/prices.py b/shop/prices.py
--- a/shop/prices.py
+++ b/shop/prices.py
@@ -14,8 +14,10 @@ class Price:
     def gross(self, country: str) -> Decimal:
         rate = RATES[country]
-        return self.net * (1 + rate)
+        return (self.net * (1 + rate)).quantize(CENT, ROUND_HALF_EVEN)
     # what a customer sees
     def discounted(self, percent: int) -> Decimal:
-        return self.net * (100 - percent) / 100
+        if not 0 <= percent <= 60:
+            raise ValueError(f"no discount is {percent} %")
+        return (self.net * (100 - percent) / 100).quantize(CENT)
"""
LETTER = """\
Dear {name},

from the first of January our plans cost a little more: Team goes from 19 to 21 euros a month, Studio from 49 to 54.
Whoever pays by the year keeps today's price until that year is over.

What you get for it: shared workspaces, exports without a limit, and support on Saturdays.

You can change or end your plan at any time in your account.

With kind regards
The people of Lumen
"""
NOTES = """\
## What is new

- Workspaces can be shared with people outside.
- Exports have no limit any more.
- Search finds words in attachments.

## What changes

Passwords need twelve characters. Whoever has a shorter one is asked for another when they next sign in.

## Known problems

Charts with more than 5,000 points are slow in Firefox.
"""


def invoice(number: int, cents: int) -> Asked:
    """Ask for the payment of an invoice."""
    vendor = VENDORS[number % len(VENDORS)]
    paper = cents // 3 // 4
    lines: list[Json] = [
        {"item": "Recycled paper, 500 sheets", "quantity": 4, "price": euros(paper)},
        {"item": "Delivery and service", "quantity": 1, "price": euros(cents - 4 * paper)},
    ]
    args = {
        "vendor": vendor,
        "amount": euros(cents),
        "currency": "EUR",
        "iban": "DE89370400440532013000",
        "due": "2027-01-31",
        "lines": lines,
    }
    return Asked(
        Action("pay_invoice", args, schema=INVOICE),
        description=f"{vendor} has delivered what was ordered; the amounts match the order.",
        context={"order": f"PO-{number + 310}", "delivered": True},
        reference=f"INV-{number}",
    )


def refund(number: int, cents: int) -> Asked:
    """Ask for money to be given back to a customer."""
    args = {"order": f"SO-{number}", "amount": euros(cents), "currency": "EUR", "reason": "arrived broken"}
    return Asked(
        Action("refund", args),
        description="The customer sent a photo of the broken lamp and has no open orders.",
        reference=f"SO-{number}",
    )


def campaign() -> Asked:
    """Ask for a mail to many."""
    to: list[Json] = [f"customer-{number:04}@example.net" for number in range(1, 1_205)]
    args = {"from": "hello@lumen.example", "to": to, "subject": "Our prices from January", "body": LETTER}
    return Asked(
        Action("send_campaign", args),
        description="Everybody who pays by the month, as agreed in the meeting on Monday.",
        context={
            "plan": ["Write to everybody who pays by the month", "Answer what they ask", "Change the prices"],
            "segment": "monthly plans",
            "unsubscribed left out": 86,
        },
        reference="CAMP-7",
    )


def page_to_publish() -> Asked:
    """Ask for a page to be put online."""
    args: dict[str, Json] = {"path": "/releases/4-2", "title": "Lumen 4.2", "body": NOTES, "languages": ["en", "de"]}
    return Asked(Action("publish_page", args), description="The notes of today's release.", reference="REL-42")


def release_notes() -> Asked:
    """Ask for a review of a draft."""
    draft = Draft({"title": "Lumen 4.2", "text": NOTES}, title="release notes")
    return Asked(draft, description="For customers; please look at the tone.", reference="REL-42-NOTES")


def patch(number: int) -> Asked:
    """Ask for a change of code."""
    args = {"repository": "shop", "branch": "main", "message": "Round prices to the cent", "patch": PATCH}
    return Asked(
        Action("apply_patch", args),
        description="Fixes the sums that differ by a cent. All 312 tests pass.",
        context={"tests": {"passed": 312, "failed": 0}, "ticket": f"SHOP-{number}"},
        reference=f"SHOP-{number}",
    )


def command() -> Asked:
    """Ask for a command on a machine."""
    script = "set -eu\nsystemctl stop importer\npg_dump --format=custom crm >/backup/crm-before.dump\n"
    script += "psql crm --command 'REINDEX TABLE contacts'\nsystemctl start importer\n"
    args: dict[str, Json] = {"host": "db-2.internal", "command": script, "timeout_seconds": 900}
    return Asked(
        Action("run_command", args),
        description="Lookups take four seconds since the import of this morning; the index is bloated.",
        context={"reversible": False},
        reference="OPS-118",
    )


def query() -> Asked:
    """Ask for a change of data."""
    sql = "UPDATE contacts\n   SET newsletter = FALSE\n WHERE last_seen < DATE '2024-01-01'\n   AND newsletter;"
    args: dict[str, Json] = {"database": "crm", "sql": sql, "rows_expected": 18_204}
    return Asked(
        Action("run_sql", args),
        description="Keeps our promise about inactive people.",
        context={"reversible": False},
        reference="OPS-121",
    )


def settings() -> Asked:
    """Ask for a change of many settings, deep within one another."""
    regions: list[Json] = [
        {"name": name, "replicas": replicas, "limits": {"cpu": cpu, "memory_mb": memory}}
        for name, replicas, cpu, memory in (
            ("eu-central", 6, "2.5", 4_096),
            ("us-east", 4, "2.0", 4_096),
            ("ap-south", 2, "1.0", 2_048),
        )
    ]
    rules: list[Json] = [
        {"match": {"path": "/api/*", "method": ["GET", "HEAD"]}, "cache": {"seconds": 60, "vary": ["Accept"]}},
        {"match": {"path": "/static/*"}, "cache": {"seconds": 31_536_000, "vary": []}},
    ]
    args: dict[str, Json] = {
        "service": "gateway",
        "change": {
            "scaling": {"regions": regions, "policy": {"up": {"at": 0.7, "step": 2}, "down": {"at": 0.3, "step": 1}}},
            "routing": {"rules": rules, "fallback": {"to": "maintenance", "status": 503, "body": None}},
        },
        "dry_run": False,
    }
    quiet: list[Json] = [{**region, "replicas": 2} for region in regions if isinstance(region, dict)]
    before: dict[str, Json] = {"change": {"scaling": {"regions": quiet, "policy": {"up": {"at": 0.8, "step": 1}}}}}
    action = Action("change_settings", args)
    return Asked(action, description="For the sale on Friday.", reference="OPS-124", context={"before": before})


def forwarded() -> Asked:
    """Ask for a mail to be passed on whose attachment is not what it seems: the page shows what hides in its name."""
    attachments: list[Json] = [
        {"name": "offer.pdf", "bytes": 88_214},
        {"name": "price-list-\u202efdp.exe", "bytes": 412_672},
    ]
    args: dict[str, Json] = {"to": ["pete@example.com"], "subject": "Fwd: New pri\u200bces", "attachments": attachments}
    return Asked(
        Action("forward_mail", args), description="A supplier asks us to look at the list.", reference="MAIL-88"
    )


def choice() -> Asked:
    """Ask people to choose."""
    text = "Two parcels of order SO-5120 went to the old address. What shall I offer the customer?"
    options = ["Send them again", "Give the money back", "Wait another week"]
    return Asked(Question(text, options=options), description="She has written twice.", reference="SO-5120")


def details() -> Asked:
    """Ask people for what is missing, by a form."""
    contact: dict[str, Json] = {
        "type": "object",
        "title": "Contact",
        "properties": {"name": {"type": "string", "minLength": 1}, "email": {"type": "string", "format": "email"}},
        "required": ["name", "email"],
    }
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {
            "start": {"type": "string", "format": "date", "title": "First day"},
            "seats": {"type": "integer", "minimum": 1, "maximum": 500, "title": "Seats"},
            "plan": {"enum": ["Team", "Studio", "Company"], "title": "Plan"},
            "invoice_to": contact,
            "note": {"type": "string", "maxLength": 2_000, "title": "Note for the invoice"},
        },
        "required": ["start", "seats", "plan", "invoice_to"],
    }
    return Asked(Question("What shall stand in the contract with Hafen Catering?", schema=schema), reference="CT-31")


def euros(cents: int) -> str:
    """Return an amount as text, exactly."""
    return f"{cents // 100}.{cents % 100:02}"
