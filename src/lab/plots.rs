//! Reliability diagrams and precision-recall curves as SVG: small multiples, one panel a dataset.

use std::fmt::Write as _;

use super::report::Measured;
use super::report::curves::{Bin, Point};

/// Draws a file from what was measured.
type Plot = fn(&[Measured]) -> String;

/// The files that are written, with what draws each.
pub const FILES: &[(&str, Plot)] =
    &[("reliability.svg", reliability), ("precision-recall.svg", precision_recall)];

const COLUMNS: usize = 3;
/// The side of a panel's square, from 0 to 1.
const SIDE: f64 = 180.0;
const PANEL: (f64, f64) = (250.0, 260.0);
/// Where a panel's square begins in it.
const CORNER: (f64, f64) = (45.0, 35.0);

/// What P(failed) and P(wrong) said, against how often it was so, with Wilson's intervals. A dot's area
/// grows with the cases in its bin.
pub fn reliability(measured: &[Measured]) -> String {
    let panels = panels(
        measured,
        |part| (&part.reliability.runs, &part.reliability.steps),
        |bins, out| {
            let total: usize = bins.iter().map(|bin| bin.cases).sum();
            let _ =
                writeln!(out, r#"<path class="chance" d="M{} {}L{} {}"/>"#, x(0.0), y(0.0), x(1.0), y(1.0));
            for bin in bins {
                let (low, high) = bin.interval;
                let radius = 2.0 + 8.0 * (bin.cases as f64 / total.max(1) as f64).sqrt();
                let at = x(bin.said);
                let _ = writeln!(out, r#"<path class="bar" d="M{at} {}L{at} {}"/>"#, y(low), y(high));
                let _ = writeln!(out, r#"<circle cx="{at}" cy="{}" r="{radius:.1}"/>"#, y(bin.happened));
            }
            ("said", "was", format!("n = {total}"))
        },
    );
    document("Reliability: what was said, and how often it was so", &panels)
}

/// Precision at each recall; the dashed line is what always firing reaches.
pub fn precision_recall(measured: &[Measured]) -> String {
    let panels = panels(
        measured,
        |part| (&part.precision_recall.runs, &part.precision_recall.steps),
        |points: &[Point], out| {
            let line: String = points
                .iter()
                .enumerate()
                .map(|(i, p)| format!("{}{} {}", if i == 0 { 'M' } else { 'L' }, x(p.recall), y(p.precision)))
                .collect();
            let _ = writeln!(out, r#"<path class="line" d="{line}"/>"#);
            ("recall", "precision", format!("{} thresholds", points.len()))
        },
    );
    // The base rate stands in the reliability bins, which hold every case.
    let rates = self::panels(measured, |part| (&part.reliability.runs, &part.reliability.steps), base_rate);
    let joined: Vec<Panel> = panels
        .into_iter()
        .map(|mut panel| {
            if let Some(rate) = rates.iter().find(|rate| rate.title == panel.title) {
                panel.body.push_str(&rate.body);
                panel.note = rate.note.clone();
            }
            panel
        })
        .collect();
    document("Precision at each recall", &joined)
}

fn base_rate(bins: &[Bin], out: &mut String) -> Axes {
    let total: usize = bins.iter().map(|bin| bin.cases).sum();
    let rate = bins.iter().map(|bin| bin.happened * bin.cases as f64).sum::<f64>() / total.max(1) as f64;
    let _ = writeln!(out, r#"<path class="chance" d="M{} {}L{} {}"/>"#, x(0.0), y(rate), x(1.0), y(rate));
    ("recall", "precision", format!("n = {total}, base rate {rate:.2}"))
}

/// The names of the two axes, and a note below the title.
type Axes = (&'static str, &'static str, String);

struct Panel {
    title: String,
    note: String,
    axes: (&'static str, &'static str),
    body: String,
}

fn panels<'m, T: 'm>(
    measured: &'m [Measured],
    pick: impl Fn(&'m Measured) -> (&'m Vec<T>, &'m Vec<T>),
    draw: impl Fn(&[T], &mut String) -> Axes,
) -> Vec<Panel> {
    let mut panels = Vec::new();
    for part in measured {
        let (runs, steps) = pick(part);
        for (what, data) in [("failed runs", runs), ("wrong steps", steps)] {
            if !data.is_empty() {
                let mut body = String::new();
                let (across, up, note) = draw(data, &mut body);
                panels.push(Panel {
                    title: format!("{}: {what}", part.dataset),
                    note,
                    axes: (across, up),
                    body,
                });
            }
        }
    }
    panels
}

/// A coordinate of the square, with one decimal.
fn x(value: f64) -> String {
    format!("{:.1}", CORNER.0 + value.clamp(0.0, 1.0) * SIDE)
}

fn y(value: f64) -> String {
    format!("{:.1}", CORNER.1 + (1.0 - value.clamp(0.0, 1.0)) * SIDE)
}

fn document(title: &str, panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(COLUMNS).max(1);
    let (width, height) = (PANEL.0 * COLUMNS as f64, PANEL.1 * rows as f64 + 30.0);
    let mut out = String::new();
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif" font-size="11">"#
    );
    out.push_str(concat!(
        "<style>rect{fill:#fff}text{fill:#222}.frame{fill:none;stroke:#999}",
        ".chance{fill:none;stroke:#999;stroke-dasharray:3 3}.bar{stroke:#1b6ca8;stroke-width:1.5}",
        ".line{fill:none;stroke:#1b6ca8;stroke-width:1.5}circle{fill:#1b6ca8;fill-opacity:.7}</style>\n"
    ));
    let _ = writeln!(out, r#"<rect width="{width}" height="{height}"/>"#);
    let _ = writeln!(out, r#"<text x="10" y="20" font-size="14">{}</text>"#, escaped(title));
    for (index, panel) in panels.iter().enumerate() {
        let (left, top) = (PANEL.0 * (index % COLUMNS) as f64, PANEL.1 * (index / COLUMNS) as f64 + 30.0);
        let _ = writeln!(out, r#"<g transform="translate({left} {top})">"#);
        let _ = writeln!(
            out,
            r#"<text x="{}" y="14" font-weight="bold">{}</text>"#,
            CORNER.0,
            escaped(&panel.title)
        );
        let _ = writeln!(out, r#"<text x="{}" y="28">{}</text>"#, CORNER.0, escaped(&panel.note));
        let _ = writeln!(
            out,
            r#"<rect class="frame" x="{}" y="{}" width="{SIDE}" height="{SIDE}"/>"#,
            CORNER.0, CORNER.1
        );
        for mark in [0.0, 0.5, 1.0] {
            let _ = writeln!(
                out,
                r#"<text x="{}" y="{}" text-anchor="middle">{mark}</text>"#,
                x(mark),
                CORNER.1 + SIDE + 14.0
            );
            let _ = writeln!(
                out,
                r#"<text x="{}" y="{}" text-anchor="end">{mark}</text>"#,
                CORNER.0 - 5.0,
                y(mark)
            );
        }
        let middle = CORNER.0 + SIDE / 2.0;
        let _ = writeln!(
            out,
            r#"<text x="{middle}" y="{}" text-anchor="middle">{}</text>"#,
            CORNER.1 + SIDE + 28.0,
            panel.axes.0
        );
        let _ = writeln!(
            out,
            r#"<text transform="translate(12 {}) rotate(-90)" text-anchor="middle">{}</text>"#,
            CORNER.1 + SIDE / 2.0,
            panel.axes.1
        );
        out.push_str(&panel.body);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// Text as XML: what could begin markup is escaped, and what no XML text may hold is made visible first.
fn escaped(text: &str) -> String {
    let clean = crate::text::excerpt(text, 80);
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::report::curves;
    use super::*;

    fn measured(dataset: &str) -> Measured {
        let scored = [(0.9, true), (0.8, false), (0.2, false), (0.1, true)];
        let (bins, points) = (curves::reliability(&scored), curves::precision_recall(&scored));
        Measured {
            dataset: dataset.to_owned(),
            reliability: curves::Curves { runs: bins, steps: Vec::new() },
            precision_recall: curves::Curves { runs: points, steps: Vec::new() },
            ..Measured::default()
        }
    }

    /// Every element is closed in its turn, and no text holds markup.
    fn is_well_formed(svg: &str) -> bool {
        let mut open: Vec<&str> = Vec::new();
        for part in svg.split('<').skip(1) {
            let Some((tag, text)) = part.split_once('>') else { return false };
            let balanced = tag.matches('"').count() % 2 == 0;
            let entities = text
                .split('&')
                .skip(1)
                .all(|rest| ["amp;", "lt;", "gt;", "quot;"].iter().any(|name| rest.starts_with(name)));
            if !balanced || !entities || text.contains('>') {
                return false;
            }
            if let Some(name) = tag.strip_prefix('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap_or_default());
            }
        }
        open.is_empty()
    }

    #[test]
    fn plots_are_well_formed_whatever_a_dataset_is_called() {
        let hostile = "a\"><script>alert('x')</script>&\u{1b}[31m\u{202e}";
        for (_, plot) in FILES {
            let svg = plot(&[measured("plain"), measured(hostile)]);
            assert!(is_well_formed(&svg), "{svg}");
            assert!(
                !svg.contains("<script") && !svg.contains('\u{1b}') && !svg.contains('\u{202e}'),
                "{svg}"
            );
            assert!(svg.contains("plain: failed runs"), "{svg}");
        }
    }

    #[test]
    fn ill_formed_markup_would_be_seen() {
        assert!(!is_well_formed("<svg><g></svg>"));
        assert!(!is_well_formed("<svg><text>a & b</text></svg>"));
        assert!(!is_well_formed("<svg"));
        assert!(is_well_formed("<svg><path d=\"M0 0\"/></svg>"));
    }

    #[test]
    fn a_dot_stands_where_what_was_said_meets_what_was() {
        let svg = reliability(&[measured("d")]);
        // The bin of 0.9: said 0.9, always so: right of the square's middle, at its top.
        assert!(svg.contains(&format!(r#"<circle cx="{}" cy="{}""#, x(0.9), y(1.0))), "{svg}");
        assert!(precision_recall(&[measured("d")]).contains("base rate 0.50"));
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        assert!(is_well_formed(&reliability(&[])));
    }
}
