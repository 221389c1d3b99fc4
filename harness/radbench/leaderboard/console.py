"""The table on a terminal: as wide as it needs, broken into blocks of columns where the terminal is narrower."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from radbench.leaderboard.table import Cell, Heading, Table

PADDING = 2
LEAST_LABEL = 16


@dataclass(frozen=True)
class TableView:
    """A table that rich can print; nothing is ever cut off: columns go to further blocks, names wrap."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.table.title, style="bold", overflow="fold")
        for k, block in enumerate(_blocks(self.table, options.max_width)):
            if k:
                yield Text("")
            yield block
        yield Text("")
        reading = ["#1: best, #2: second best."] if self.table.ranked else []
        for note in (*self.table.notes, *reading):
            yield Text(note, style="dim", overflow="fold")
        for remark in self.table.remarks:
            yield Text(remark, style="yellow", overflow="fold")


def plain_text(tables: Sequence[Table], width: int | None = None) -> str:
    """Return the tables as text without control codes.

    Args:
        tables: to print, an empty line between them.
        width: columns of text to keep to; None takes what the widest table needs, at least 100.
    """
    texts = []
    for table in tables:
        console = Console(
            file=io.StringIO(), width=width or max(100, _full_width(table)), color_system=None, force_terminal=False
        )
        with console.capture() as capture:
            console.print(TableView(table))
        texts.append("\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n")
    return "\n".join(texts)


@dataclass(frozen=True)
class _Column:
    heading: Text
    cells: list[Text]
    width: int


def _columns(table: Table) -> list[_Column]:
    found = []
    for k, heading in enumerate(table.headings):
        cells = [row[k] for _, row in table.rows]
        width = max(cell_len(line) for lines in (_heading_lines(heading), *map(_cell_lines, cells)) for line in lines)
        found.append(_Column(Text("\n".join(_heading_lines(heading))), [_cell(c) for c in cells], width))
    if table.ranks:
        head = ("rank by", table.ranked_by)
        width = max(cell_len(text) for lines in (head, *table.ranks) for text in lines)
        found.append(_Column(Text("\n".join(head)), [Text("\n".join(lines)) for lines in table.ranks], width))
    return found


def _full_width(table: Table) -> int:
    return _label_width(table) + sum(PADDING + column.width for column in _columns(table))


def _label_width(table: Table) -> int:
    return max(cell_len(table.label), *(cell_len(name) for name, _ in table.rows))


def _blocks(table: Table, width: int) -> Iterator[RichTable]:
    columns, label = _columns(table), _label_width(table)
    if _full_width(table) > width:
        # Long names wrap rather than push the numbers out.
        label = min(label, max(LEAST_LABEL, width // 4))
    names = [name for name, _ in table.rows]
    block: list[_Column] = []
    for column in columns:
        if block and label + sum(PADDING + c.width for c in (*block, column)) > width:
            yield _rich_table(table.label, names, block, label)
            block = []
        block.append(column)
    yield _rich_table(table.label, names, block, label)


def _rich_table(label: str, names: list[str], columns: list[_Column], width: int) -> RichTable:
    # The column divider of the box is one space, the right padding the other.
    made = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, PADDING - 1, 0, 0), show_edge=False)
    made.add_column(label, overflow="fold", width=width)
    for column in columns:
        made.add_column(column.heading, justify="right", overflow="fold", width=column.width)
    tall = any("\n" in cell.plain for column in columns for cell in column.cells)
    for k, name in enumerate(names):
        made.add_row(Text(name), *(column.cells[k] for column in columns))
        if tall and k < len(names) - 1:
            made.add_row()
    return made


def _heading_lines(heading: Heading) -> list[str]:
    lines = [f"{heading.name} {heading.arrow}".rstrip()]
    return [*lines, heading.remark] if heading.remark else lines


def _cell(cell: Cell) -> Text:
    text = Text(justify="right")
    style = "red" if cell.failed else {1: "bold", 2: "underline"}.get(cell.place, "")
    first, *others = _cell_lines(cell)
    text.append(first, style=style)
    for line in others:
        text.append("\n")
        text.append(line, style="dim" if line.startswith("[") else "")
    return text


def _cell_lines(cell: Cell) -> list[str]:
    mark = f"#{cell.place} " if cell.place else "† " if cell.incomplete else ""
    lines = [mark + cell.value + (f" ± {cell.std}" if cell.std else "")]
    if cell.interval:
        lines.append(f"[{cell.interval}]")
    if cell.spread:
        lines.append(cell.spread)
    if cell.delta:
        lines.append(f"{cell.stars} Δ {cell.difference}".lstrip())
    elif cell.stars:
        lines.append(cell.stars)
    return [*lines, *filter(None, (cell.p, cell.rank))]
