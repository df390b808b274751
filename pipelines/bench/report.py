"""Writes what was measured: results.json, results.md and plot.svg."""
import json
import os
from xml.sax.saxutils import escape

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .figure { font-variant-numeric: tabular-nums }
  .rekey { fill: #0969da } .peer { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .rekey { fill: #58a6ff } .peer { fill: #6e7681 }
  }
"""


def speed(row, one):
    """Megabytes of input in a second."""
    return row["bytes"] / one["seconds"]["median"] / 1e6


def say(key, row):
    """What a row came to, on the terminal."""
    print(f"{key}: " + ", ".join(
        f"{name} {speed(row, one):.0f} MB/s" for name, one in row["contestants"].items()), flush=True)


def say_small(small):
    for name, one in small.items():
        print(f"{name}: {one['seconds']['median'] * 1e3:.1f} ms", flush=True)


def span(one, what, scale=1.0, digits=2):
    figures = one[what]
    return (f"{figures['median'] * scale:.{digits}f} "
            f"({figures['min'] * scale:.{digits}f}–{figures['max'] * scale:.{digits}f})")


def markdown(result):
    """The result as a page."""
    machine = result["machine"]
    lines = [
        f"# Benchmarks of {machine['date']}", "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; load average at the start "
        f"{machine['load']}. {result['items']:,} items, {result['rounds']} rounds, all programs in turn.", "",
        "Medians, with least and most in brackets. MB are millions of bytes of uncompressed input. *ratio* is that of the "
        "processor seconds (user and system, all processes) to those of rekey in the first line of each table.", "",
    ]
    for row in result["rows"].values():
        lines += [f"## {row['title']}", "", f"{row['bytes'] / 1e6:.0f} MB.", ""]
        if "digest" in row:
            lines += [f"All outputs have the digest `{row['digest']}`.", ""]
        lines += ["| | MB/s | seconds | processor seconds | ratio | memory, MiB |", "| --- | --- | --- | --- | --- | --- |"]
        first = next(iter(row["contestants"].values()))["cpu"]["median"]
        for name, one in row["contestants"].items():
            lines.append(
                f"| {name} | {speed(row, one):.0f} | {span(one, 'seconds')} | {span(one, 'cpu')} | "
                f"{one['cpu']['median'] / first:.1f} | {one['memory']['max'] / 2**20:.0f} |")
        lines.append("")
    if "small" in result:
        lines += ["## Small", "", "| | milliseconds |", "| --- | --- |"]
        titles = {"start": "start of the program (`--version`)", "migrate": "migrate of the 3 plans on a local table"}
        lines += [f"| {titles[name]} | {span(one, 'seconds', 1e3, 1)} |" for name, one in result["small"].items()] + [""]
    if "sizes" in result:
        lines += ["## Cost against size", "", "| items | stage | seconds | microseconds an item | memory, MiB |",
                  "| --- | --- | --- | --- | --- |"]
        for size in result["sizes"]:
            for name, one in size["stages"].items():
                lines.append(
                    f"| {size['items']:,} | {name} | {span(one, 'seconds')} | "
                    f"{one['seconds']['median'] / size['items'] * 1e6:.2f} | {one['memory']['max'] / 2**20:.0f} |")
        lines.append("")
    if "tables" in result:
        lines += [f"## Copy of a table of {result['tables']['items']:,} items on ministack", "",
                  "| | seconds | processor seconds of the client |", "| --- | --- | --- |"]
        lines += [f"| {name} | {span(one, 'seconds')} | {span(one, 'cpu')} |"
                  for name, one in result["tables"]["copy"].items()] + [""]
    lines += ["## Versions", ""] + [f"- {name}: {text}" for name, text in machine["versions"].items()]
    return "\n".join(lines) + "\n"


def plot(result):
    """Bars of MB/s, the longest of each row as long as the plot is wide."""
    parts, y = [], 24
    for row in result["rows"].values():
        parts.append(f'<text class="title" x="0" y="{y}">{escape(row["title"])}</text>')
        y += 10
        fastest = max(speed(row, one) for one in row["contestants"].values())
        for name, one in row["contestants"].items():
            width = max(1, 430 * speed(row, one) / fastest)
            kind = "rekey" if name.startswith("rekey") else "peer"
            parts.append(
                f'<text x="205" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
                f'<rect class="{kind}" x="213" y="{y + 2}" width="{width:.1f}" height="14" rx="2"/>'
                f'<text class="figure" x="{219 + width:.1f}" y="{y + 13}">{speed(row, one):.0f} MB/s</text>')
            y += 20
        y += 26
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 {y}" width="740" height="{y}" role="img">'
            f"<title>Throughput of rekey and of other programs</title><style>{STYLE}</style>{''.join(parts)}</svg>\n")


def write(result, folder):
    os.makedirs(folder, exist_ok=True)
    for name, text in (("results.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n"),
                       ("results.md", markdown(result)), ("plot.svg", plot(result))):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
