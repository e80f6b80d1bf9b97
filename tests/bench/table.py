"""Plain text tables."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A titled table; ``str()`` lays it out.

    Attributes:
        title: Its title.
        columns: Names of the columns.
        rows: Cells, as many a row as there are columns.
        left: Columns that align left; the others align right.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        lines = (self.columns, *self.rows)
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]

        def laid_out(line: tuple[str, ...]) -> str:
            cells = (
                cell.ljust(width) if i in self.left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            return "  ".join(cells).rstrip()

        rule = "-" * (sum(widths) + 2 * len(widths) - 2)
        return "\n".join(
            (self.title, rule, laid_out(self.columns), rule, *map(laid_out, self.rows))
        )
