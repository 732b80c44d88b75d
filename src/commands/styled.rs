//! Text in colours, and tables. No other file names a colour.

use anstyle::{AnsiColor, Style};

/// The meaning of a piece of text, for its colour. The words say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Heading,
    /// As it should be.
    Good,
    /// Good to know.
    Note,
    /// To be changed.
    Bad,
    /// A line number or the like.
    Faint,
}

impl Role {
    pub(super) fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Heading => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Note => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// Text in pieces.
#[derive(Debug, Default)]
pub(super) struct Text(pub(super) Vec<(Role, String)>);

impl Text {
    pub(super) fn add(&mut self, role: Role, piece: impl Into<String>) {
        self.0.push((role, piece.into()));
    }

    pub(super) fn plain(&mut self, piece: impl Into<String>) {
        self.add(Role::Plain, piece);
    }
}

/// Columns as wide as their widest cell, under a heading. The first column has numbers; long values go into the
/// last.
#[derive(Debug)]
pub(super) struct Table<const N: usize>(Vec<[(Role, String); N]>);

impl<const N: usize> Table<N> {
    pub(super) fn new(headings: [&str; N]) -> Self {
        Self(vec![headings.map(|it| (Role::Heading, it.to_owned()))])
    }

    pub(super) fn row(&mut self, cells: [(Role, String); N]) {
        self.0.push(cells);
    }

    /// Escape control characters before: an escaped character is wider.
    pub(super) fn text(self) -> Text {
        let mut widths = [0; N];
        for row in &self.0 {
            for (width, (_, cell)) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = Text::default();
        for row in self.0 {
            let end = row.iter().rposition(|(_, cell)| !cell.is_empty());
            for (nth, ((role, cell), width)) in row.into_iter().zip(widths).enumerate() {
                let is_last = Some(nth) >= end;
                let padding = " ".repeat(width - cell.chars().count());
                if nth == 0 {
                    text.plain(padding);
                    text.add(role, cell);
                } else {
                    text.add(role, cell);
                    text.plain(if is_last { "" } else { &padding });
                }
                if is_last {
                    text.plain("\n");
                    break;
                }
                text.plain("  ");
            }
        }
        text
    }
}
