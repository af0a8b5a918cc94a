"""Table: statistics of each column of a CSV, and transforms. The first line names the columns."""

import math
import re

MAX_LENGTH = 90_000
MAX_COLUMNS = 200

STEP = {
    "type": "object",
    "required": ["do"],
    "properties": {
        "do": {"type": "string", "enum": ["select", "rename", "filter", "sort", "sum"]},
        "columns": {"type": "array", "items": {"type": "string"}, "description": "select, sum"},
        "column": {"type": "string", "description": "rename, filter, sort"},
        "as": {"type": "string", "description": "rename, sum: the new name"},
        "is": {"type": "string", "enum": ["=", "!=", ">", ">=", "<", "<=", "contains"], "description": "filter"},
        "value": {"type": "string", "description": "filter"},
        "descending": {"type": "boolean", "description": "sort"},
    },
}
INPUT = {
    "type": "object",
    "required": ["operation", "csv"],
    "additionalProperties": False,
    "properties": {
        "operation": {"type": "string", "enum": ["statistics", "transform"]},
        "csv": {"type": "string", "maxLength": MAX_LENGTH},
        "steps": {"type": "array", "maxItems": 20, "items": STEP, "description": "Of transform, in order."},
    },
}

NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def run(given):
    csv, operation = given.get("csv"), given.get("operation")
    if not isinstance(csv, str) or len(csv) > MAX_LENGTH:
        raise ValueError(f"csv must be a text of at most {MAX_LENGTH} characters")
    names, rows = read(csv)
    if operation == "statistics":
        columns = [column(name, [row[at] for row in rows]) for at, name in enumerate(names)]
        return {"operation": "statistics", "rows": len(rows), "columns": columns}
    if operation != "transform":
        raise ValueError("operation must be statistics or transform")
    steps = given.get("steps", [])
    if not isinstance(steps, list) or len(steps) > 20:
        raise ValueError("steps must be a list of at most 20")
    for step in steps:
        names, rows = apply(step if isinstance(step, dict) else {}, names, rows)
    return {"operation": "transform", "rows": len(rows), "columns": names, "csv": write(names, rows)}


def read(csv):
    """Names and rows of a CSV, quotes as in RFC 4180; short rows are filled up, empty lines left out."""
    lines, cells, cell, quoted, at = [], [], "", False, 0
    csv = csv.lstrip("\ufeff")
    while at < len(csv):
        char = csv[at]
        if quoted:
            if char == '"' and csv[at + 1 : at + 2] == '"':
                cell, at = cell + '"', at + 1
            elif char == '"':
                quoted = False
            else:
                cell += char
        elif char == '"' and cell == "":
            quoted = True
        elif char == ",":
            cells.append(cell)
            cell = ""
        elif char == "\n":
            lines.append([*cells, cell])
            cells, cell = [], ""
        elif char != "\r":
            cell += char
        at += 1
    lines.append([*cells, cell])
    lines = [[cell.strip(" \t") for cell in line] for line in lines if line != [""]]
    names = lines[0] if lines else []
    if not names or len(names) > MAX_COLUMNS:
        raise ValueError(f"csv must have a first line that names 1 to {MAX_COLUMNS} columns")
    if len(set(names)) != len(names):
        raise ValueError("csv names a column twice")
    return names, [(line + [""] * len(names))[: len(names)] for line in lines[1:]]


def write(names, rows):
    def quote(cell):
        return '"' + cell.replace('"', '""') + '"' if any(char in cell for char in ',"\r\n') else cell

    return "\n".join(",".join(quote(cell) for cell in row) for row in [names, *rows])


def rounded(number):
    return math.floor(number * 1e6 + 0.5) / 1e6


def plain(number):
    """Up to six digits after the point, and no exponent."""
    return f"{rounded(number):.6f}".rstrip("0").rstrip(".")


def quantile(ordered, part):
    place = (len(ordered) - 1) * part
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return rounded(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def kind(values):
    if values and all(NUMBER.fullmatch(value) for value in values):
        return "number"
    if values and all(DATE.fullmatch(value) for value in values):
        return "date"
    return "boolean" if values and all(value in ("true", "false") for value in values) else "text"


def column(name, cells):
    values = [cell for cell in cells if cell != ""]
    found = {"name": name, "type": kind(values), "count": len(values), "missing": len(cells) - len(values)}
    found["distinct"] = len(set(values))
    if found["type"] == "date":
        found.update(min=min(values), max=max(values))
    if found["type"] == "number":
        ordered = sorted(float(value) + 0.0 for value in values)
        total = 0.0
        for number in ordered:
            total += number
        found.update(min=ordered[0], max=ordered[-1], sum=rounded(total), mean=rounded(total / len(ordered)))
        found.update(median=quantile(ordered, 0.5), p25=quantile(ordered, 0.25), p75=quantile(ordered, 0.75))
    return found


def place(names, name):
    if name not in names:
        raise ValueError(f"there is no column {name if isinstance(name, str) else '?'}; there are {', '.join(names)}")
    return names.index(name)


def number(cell):
    return float(cell) + 0.0 if NUMBER.fullmatch(cell) else None


def apply(step, names, rows):
    do, columns = step.get("do"), step.get("columns") if isinstance(step.get("columns"), list) else []
    if do == "select":
        places = [place(names, name) for name in columns]
        return list(columns), [[row[at] for at in places] for row in rows]
    if do == "sum":
        places = [place(names, name) for name in columns]
        new = fresh(names, step.get("as"))
        return [*names, new], [[*row, plain(total(row, places))] for row in rows]
    at = place(names, step.get("column"))
    if do == "rename":
        new = fresh(names, step.get("as"))
        return [new if name == names[at] else name for name in names], rows
    if do == "filter":
        return names, [row for row in rows if matches(row[at], step.get("is", "="), str(step.get("value", "")))]
    if do == "sort":
        return names, sorted(rows, key=lambda row: order(row[at]), reverse=step.get("descending") is True)
    raise ValueError("do must be select, rename, filter, sort or sum")


def fresh(names, name):
    if not isinstance(name, str) or name == "" or name in names:
        raise ValueError("as must be a new name")
    return name


def total(row, places):
    sum = 0.0
    for at in places:
        sum += number(row[at]) or 0.0
    return sum


def order(cell):
    """Numbers by size come before texts by their characters."""
    value = number(cell)
    return (0, value, b"") if value is not None else (1, 0.0, cell.encode("utf-16-be", "surrogatepass"))


def matches(cell, word, wanted):
    if word == "contains":
        return wanted in cell
    left, right = order(cell), order(wanted)
    tests = {"=": left == right, "!=": left != right, ">": left > right, ">=": left >= right, "<": left < right}
    tests["<="] = left <= right
    if word not in tests:
        raise ValueError("is must be =, !=, >, >=, <, <= or contains")
    return tests[word]
