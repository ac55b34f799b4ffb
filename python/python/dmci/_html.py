"""Models and fits as notebooks and terminals show them."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

from dmci._dmci import Fit, Model

__all__ = ["fit", "fit_text", "model"]


def _number(x: float, digits: int = 6) -> str:
    return f"{x:.{digits}g}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = [f"<tr>{cells}</tr>"]
    for row in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _warnings(warnings: list[str]) -> str:
    items = "".join(f"<li>{html.escape(warning)}</li>" for warning in warnings)
    return f"<p>warnings:</p><ul>{items}</ul>" if items else ""


def model(shown: Model) -> str:
    """Source, inputs and warnings."""
    inputs = ", ".join(shown.inputs) or "none"
    return (
        f"<pre>{html.escape(shown.source)}</pre><p>inputs: {html.escape(inputs)}</p>"
        f"{_warnings(shown.warnings)}"
    )


def _rows(shown: Fit) -> list[list[str]]:
    params, errors, intervals = shown.params, shown.stderr, shown.intervals
    return [
        [
            name,
            _number(value),
            _number(errors[name], 3),
            _number(intervals[name][0]),
            _number(intervals[name][1]),
        ]
        for name, value in params.items()
    ]


_HEAD = ["param", "estimate", "std. error", "95 % from", "to"]


def fit(shown: Fit) -> str:
    """Source, estimates with their intervals, warnings, and a plot where matplotlib is installed."""
    return (
        f"<pre>{html.escape(shown.model.source)}</pre>{_table(_HEAD, _rows(shown))}"
        f"{_warnings(shown.warnings)}{_picture(shown)}"
    )


def _picture(shown: Fit) -> str:
    if not shown.columns:
        return ""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return ""
    from dmci import plot

    figure: Any = Figure(figsize=(6, 3.5), layout="constrained")
    plot.fit(shown, figure=figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100)
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return f'<img alt="observations and predictions" src="data:image/png;base64,{data}">'


def fit_text(shown: Fit) -> str:
    """The same as text."""
    rows = [_HEAD, *_rows(shown)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
    lines += [f"warning: {warning}" for warning in shown.warnings]
    return "\n".join(lines)
