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


def say_bars(bars):
    for bar in bars:
        print(f"{'met' if bar['met'] else 'MISSED'}: {bar['what']}: {bar['found']} ({bar['bar']})", flush=True)


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
    lines += ["## Bars", "", "| what | bar | this run | |", "| --- | --- | --- | --- |"]
    lines += [f"| {bar['what']} | {bar['bar']} | {bar['found']} | {'met' if bar['met'] else '**missed**'} |" for bar in result["bars"]]
    lines.append("")
    for row in result["rows"].values():
        lines += [f"## {row['title']}", "", f"{row['bytes'] / 1e6:.0f} MB.", ""]
        if "digest" in row:
            lines += [f"All outputs have the digest `{row['digest']}`.", ""]
        lines += ["| | MB/s | seconds | processor seconds | outside of the kernel | ratio | memory, MiB |",
                  "| --- | --- | --- | --- | --- | --- | --- |"]
        first = next(iter(row["contestants"].values()))["cpu"]["median"]
        for name, one in row["contestants"].items():
            lines.append(
                f"| {name} | {speed(row, one):.0f} | {span(one, 'seconds')} | {span(one, 'cpu')} | "
                f"{one['user']['median']:.2f} | {one['cpu']['median'] / first:.1f} | {one['memory']['max'] / 2**20:.0f} |")
        lines.append("")
    if "small" in result:
        lines += ["## Small", "", "| | milliseconds |", "| --- | --- |"]
        titles = {"start": "start of the program (`--version`)", "migrate": "migrate of the 3 plans on a local table"}
        lines += [f"| {titles[name]} | {span(one, 'seconds', 1e3, 1)} |" for name, one in result["small"].items()] + [""]
    if "sizes" in result:
        lines += ["## Cost against size", "",
                  "| items | stage | seconds | microseconds an item | processor microseconds an item | outside of the kernel | memory, MiB |",
                  "| --- | --- | --- | --- | --- | --- | --- |"]
        for size in result["sizes"]:
            for name, one in size["stages"].items():
                lines.append(
                    f"| {size['items']:,} | {name} | {span(one, 'seconds')} | "
                    f"{one['seconds']['median'] / size['items'] * 1e6:.2f} | {one['cpu']['median'] / size['items'] * 1e6:.2f} | "
                    f"{one['user']['median'] / size['items'] * 1e6:.2f} | {one['memory']['max'] / 2**20:.0f} |")
        lines.append("")
    if "load" in result:
        lines += ["## A server that answers at once", "", "What the client costs; batches of 25 items.", "",
                  "| | items a second | processor microseconds an item |", "| --- | --- | --- |"]
        lines += [f"| {name} | {span(one, 'itemsPerSecond', 1, 0)} | {span(one, 'cpuMicrosecondsPerBatch', 1 / 25)} |"
                  for name, one in result["load"].items()] + [""]
    if "tables" in result:
        lines += [f"## Copy of a table of {result['tables']['items']:,} items on ministack", "",
                  "| | seconds | processor seconds of the client |", "| --- | --- | --- |"]
        lines += [f"| {name} | {span(one, 'seconds')} | {span(one, 'cpu')} |"
                  for name, one in result["tables"]["copy"].items()] + [""]
    lines += ["## Versions", ""] + [f"- {name}: {text}" for name, text in machine["versions"].items()]
    return "\n".join(lines) + "\n"


def groups(result):
    """What the plot shows: a title, a unit, and a figure for each program; more is better."""
    for row in result["rows"].values():
        yield row["title"], "MB/s", {name: speed(row, one) for name, one in row["contestants"].items()}
    if "load" in result:
        yield "load against a server that answers at once", "items/s", {
            name: one["itemsPerSecond"]["median"] for name, one in result["load"].items() if name != "rekey extract"}
    if "tables" in result:
        items = result["tables"]["items"]
        yield "copy of a table on ministack", "items/s", {
            name: items / one["seconds"]["median"] for name, one in result["tables"]["copy"].items()}


def plot(result):
    """Bars, the longest of each group as long as the plot is wide."""
    parts, y = [], 24
    for title, unit, figures in groups(result):
        parts.append(f'<text class="title" x="0" y="{y}">{escape(title)}</text>')
        y += 10
        most = max(figures.values())
        for name, figure in figures.items():
            width = max(1, 400 * figure / most)
            kind = "rekey" if name.startswith("rekey") else "peer"
            parts.append(
                f'<text x="225" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
                f'<rect class="{kind}" x="233" y="{y + 2}" width="{width:.1f}" height="14" rx="2"/>'
                f'<text class="figure" x="{239 + width:.1f}" y="{y + 13}">{figure:,.0f} {unit}</text>')
            y += 20
        y += 26
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {y}" width="760" height="{y}" role="img">'
            f"<title>Throughput of rekey and of other programs</title><style>{STYLE}</style>{''.join(parts)}</svg>\n")


def write(result, folder):
    os.makedirs(folder, exist_ok=True)
    for name, text in (("results.json", json.dumps(result, indent=1, ensure_ascii=False) + "\n"),
                       ("results.md", markdown(result)), ("plot.svg", plot(result))):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
