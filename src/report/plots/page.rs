//! A chart within a page.

use super::palette::LIGHT;

/// The same SVG to stand in HTML: without paper; its colours as the page's variables, those of [`LIGHT`], so that the
/// page has a light and a dark scheme; its title as a label, since browsers show a title over all that is pointed at.
pub fn for_page(svg: &str) -> String {
    let mut page = String::with_capacity(svg.len());
    let mut title = None;
    for line in svg.lines() {
        if let Some(text) = line.strip_prefix("<title>").and_then(|rest| rest.strip_suffix("</title>")) {
            title.get_or_insert(text);
        } else if !line.starts_with("<rect class=\"paper\"") && !line.starts_with("<?xml") {
            page.push_str(line);
            page.push('\n');
        }
    }
    // Quotes within text are escaped, so what stands in quotes is an attribute.
    for (name, colour) in LIGHT {
        page = page.replace(&format!("\"{colour}\""), &format!("\"var({name})\""));
    }
    match title {
        Some(title) => page.replacen(" role=\"img\"", &format!(" role=\"img\" aria-label=\"{title}\""), 1),
        None => page,
    }
}
