//! Charts as pictures of pixels.

use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, ensure};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};

/// Pixels a side at most.
const LARGEST: f32 = 20_000.0;

/// The one font, which is part of the program: a picture is the same on every machine.
static FONT: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    fonts.set_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

fn tree(svg: &str) -> Result<usvg::Tree> {
    let options = usvg::Options { fontdb: FONT.clone(), font_family: "DejaVu Sans".to_owned(), ..Default::default() };
    usvg::Tree::from_str(svg, &options).context("a chart's SVG cannot be read")
}

/// A PNG of `scale` pixels for each px of the SVG, rounded up.
pub fn png(svg: &str, scale: f32) -> Result<Vec<u8>> {
    let tree = tree(svg)?;
    let side = |px: f32| (px * scale).ceil();
    let (width, height) = (side(tree.size().width()), side(tree.size().height()));
    let fits = |side: f32| (1.0..=LARGEST).contains(&side);
    ensure!(fits(width) && fits(height), "a picture of {width} × {height} pixels cannot be drawn");
    let mut picture = Pixmap::new(width as u32, height as u32).context("there is no room for the picture")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut picture.as_mut());
    picture.encode_png().context("the picture cannot be written")
}

#[cfg(test)]
mod tests {
    use super::super::text::width;
    use super::*;

    #[test]
    fn texts_are_reckoned_about_as_wide_as_the_font_sets_them_and_never_much_narrower() {
        for text in ["answer-intended, step 10k", "WWWMMM::", "iiillll....", "0123456789", "Größe αβ", "10⁵ × 3"]
        {
            let svg = format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><text y=\"50\" font-size=\"100\">{text}</text></svg>"
            );
            let set = f64::from(tree(&svg).unwrap().root().bounding_box().right());
            let reckoned = width(text, 100.0);
            assert!((0.97..1.35).contains(&(reckoned / set)), "{text}: {reckoned} for {set}");
        }
    }

    #[test]
    fn what_is_no_svg_or_no_size_is_an_error() {
        assert!(png("<svg", 1.0).is_err());
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>";
        assert!(png(svg, 2.0).is_ok());
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(png(svg, scale).is_err());
        }
    }
}
