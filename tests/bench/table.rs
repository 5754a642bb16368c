//! The table that is printed: what, the figure as it is, its bound, a peer.

use std::time::Duration;

/// The figures so far.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    /// Adds a figure.
    pub fn say(&mut self, what: &str, figure: String, bound: &str, peer: &str) {
        println!("{what}: {figure}");
        self.rows.push([what.to_owned(), figure, bound.to_owned(), peer.to_owned()]);
    }

    /// Prints them all.
    pub fn print(&self) {
        let head = ["what", "measured", "bound", "peer"].map(str::to_owned);
        let rows: Vec<&[String; 4]> = std::iter::once(&head).chain(&self.rows).collect();
        let width =
            |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths = [width(0), width(1), width(2)];
        for [what, figure, bound, peer] in rows {
            let line =
                format!("{what:<0$}  {figure:<1$}  {bound:<2$}  {peer}", widths[0], widths[1], widths[2]);
            println!("{}", line.trim_end());
        }
    }
}

/// The value below which a share (in percent) of the values lie; sorts them.
pub fn percentile(values: &mut [Duration], share: usize) -> Option<Duration> {
    values.sort_unstable();
    let place = (values.len() * share).div_ceil(100).saturating_sub(1);
    values.get(place).copied()
}

/// Milliseconds, as far as they matter.
pub fn ms(value: Option<Duration>) -> String {
    match value.map(|value| value.as_secs_f64() * 1e3) {
        None => "never".to_owned(),
        Some(ms) if ms < 1.0 => format!("{ms:.3} ms"),
        Some(ms) if ms < 100.0 => format!("{ms:.1} ms"),
        Some(ms) => format!("{ms:.0} ms"),
    }
}
