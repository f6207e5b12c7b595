"""The form of a page, as a browser without a script sends it."""

from html.parser import HTMLParser


class _Form(HTMLParser):
    """What the first form of a page with this id would send; its buttons are pressed by whoever tests."""

    def __init__(self, form_id):
        super().__init__()
        self.form_id, self.inside, self.pairs = form_id, False, []
        self.select = self.option = self.area = None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        name = given.get("name")
        if not self.inside:
            return
        if tag == "input" and name and (given.get("type") not in {"radio", "checkbox"} or "checked" in given):
            self.pairs.append((name, given.get("value") or ""))
        elif tag == "select":
            self.select = (name, [])
        elif tag == "option" and self.select:
            self.select[1].append((given["value"] or "", "selected" in given))
        elif tag == "textarea":
            self.area = [name, ""]

    def handle_data(self, data):
        if self.area:
            self.area[1] += data

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False
        elif tag == "textarea" and self.area:
            self.pairs.append((self.area[0], self.area[1].removeprefix("\n")))  # the parser of HTML drops it
            self.area = None
        elif tag == "select" and self.select:
            name, options = self.select
            chosen = [value for value, is_chosen in options if is_chosen] or [options[0][0]]
            self.pairs.append((name, chosen[-1]))
            self.select = None


def form_of(html, form_id="form"):
    """Return the pairs of names and texts."""
    parser = _Form(form_id)
    parser.feed(html)
    return parser.pairs


def with_typed(pairs, **typed):
    """Return the pairs with other texts in some fields; None takes a field out."""
    kept = [(name, typed.pop(name, text)) for name, text in pairs]
    return [(name, text) for name, text in [*kept, *typed.items()] if text is not None]
