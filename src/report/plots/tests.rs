//! What holds of every kind of chart.

use super::*;

const HOSTILE: &str =
    "</text><script>alert('x')</script> & \"quoted\" ]]> \u{0}\u{8}\u{1b}[31m\n\u{202e}שלום 日本語 \u{ffff}";

/// Charts of the same numbers and names, of every kind.
fn all(name: &str, values: &[f64], size: ChartSize) -> Vec<Drawn> {
    let name = name.to_owned();
    let pairs: Vec<(f64, f64)> = values.iter().enumerate().map(|(at, &v)| (at as f64, v)).collect();
    let band = |&(step, median): &(f64, f64)| Band { step, median, low: median / 2.0, high: median * 2.0, seeds: 3 };
    let series = CurveSeries {
        name: name.clone(),
        points: pairs.iter().map(band).collect(),
        ended: vec![(7.0, 2), (f64::NAN, 1)],
        dashed: true,
    };
    let reference = vec![(name.clone(), values.first().copied().unwrap_or(1.0))];
    let curves = |log_y| Curves {
        title: name.clone(),
        y_label: name.clone(),
        along: "step",
        series: vec![series.clone(), series.clone()],
        log_y,
        references: reference.clone(),
    };
    let swapped: Vec<(f64, f64)> = pairs.iter().map(|p| (p.1, p.0)).collect();
    let fit = |points: &[(f64, f64)]| FitPlot {
        title: name.clone(),
        x_label: name.clone(),
        y_label: name.clone(),
        target: points.to_vec(),
        prediction: points.to_vec(),
        breakpoints: vec![0.5, f64::NAN, 1e300],
    };
    let first = values.first().copied().unwrap_or(f64::NAN);
    let row = PointRow {
        name: name.clone(),
        values: values.to_vec(),
        median: first,
        low: first,
        high: first,
        note: name.clone(),
    };
    let points = |log_x| Points {
        title: name.clone(),
        x_label: name.clone(),
        rows: vec![row.clone(), row.clone()],
        log_x,
        references: reference.clone(),
    };
    let interval = |&mean: &f64| Interval { kind: name.clone(), mean, low: mean - 1.0, high: f64::NAN };
    let effects = Effects {
        title: name.clone(),
        x_label: name.clone(),
        rows: vec![PlottedEffect { name: name.clone(), estimates: values.iter().map(interval).collect() }],
    };
    let matrix = Matrix {
        title: name.clone(),
        names: values.iter().map(|_| name.clone()).collect(),
        values: values.iter().map(|_| values.iter().map(|&v| Some(v)).chain([None]).collect()).collect(),
        label: name.clone(),
    };
    let regions = Regions {
        title: name.clone(),
        x_label: name.clone(),
        y_label: name.clone(),
        classes: vec![name.clone(); 3],
        points: pairs
            .iter()
            .enumerate()
            // Places that no class has, too.
            .map(|(at, &(x, y))| ClassPoint { x, y, truth: at % 4, predicted: (at % 3 > 0).then_some(at % 5) })
            .collect(),
    };
    let parity = Parity { title: name.clone(), label: name.clone(), points: swapped.clone() };
    [
        curves(false).draw(size),
        curves(true).draw(size),
        fit(&pairs).draw(size),
        fit(&swapped).draw(size),
        parity.draw(size),
        points(false).draw(size),
        points(true).draw(size),
        effects.draw(size),
        matrix.draw(size),
        regions.draw(size),
    ]
    .map(Result::unwrap)
    .into()
}

fn height(drawn: &Drawn) -> f64 {
    let document = roxmltree::Document::parse(&drawn.svg).unwrap();
    document.root_element().attribute("height").unwrap().parse().unwrap()
}

/// Well-formed, with everything inside: places of marks, and of texts as far as they can be reckoned.
fn sound(drawn: &Drawn, size: ChartSize) {
    let width = if size == ChartSize::Wide { 860.0 } else { 360.0 };
    let document = roxmltree::Document::parse(&drawn.svg).unwrap_or_else(|error| panic!("{error}: {}", drawn.svg));
    roxmltree::Document::parse(&for_page(&drawn.svg)).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("width"), Some(width.to_string().as_str()));
    assert_eq!(root.children().filter(|node| node.is_element()).count(), 4, "title, description, paper, chart");
    let known = ["svg", "title", "desc", "rect", "g", "text", "line", "polyline", "polygon", "circle"];
    assert!(document.descendants().filter(|n| n.is_element()).all(|n| known.contains(&n.tag_name().name())));
    let high = height(drawn);
    for mark in &drawn.marks {
        assert!((0.0..=width).contains(&mark.x) && (0.0..=high).contains(&mark.y), "{mark:?} of {high}");
    }
    for node in document.descendants().filter(|node| node.has_tag_name("text")) {
        let part = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap() / 10.0;
        let wide = text::width(node.text().unwrap_or(""), part("font-size"));
        let left = match node.attribute("text-anchor") {
            None => part("x"),
            Some("middle") => part("x") - wide / 2.0,
            _ => part("x") - wide,
        };
        assert!(left >= -0.5 && left + wide <= width + 0.5, "{node:?} at {left}, {wide} wide");
        assert!(part("y") > 0.0 && part("y") <= high, "{node:?}");
    }
}

#[test]
fn any_numbers_at_all_give_a_sound_chart() {
    let many: Vec<f64> = (0..40).map(|i| f64::from(i).sin()).collect();
    let sets: [&[f64]; 14] = [
        &[],
        &[1.0],
        &[0.0, 0.0, 0.0],
        &[7.5; 5],
        &[f64::NAN; 4],
        &[f64::INFINITY, f64::NEG_INFINITY],
        &[1.0, f64::NAN, 3.0, f64::INFINITY, 2.0, f64::NEG_INFINITY],
        &[1e30, 1e-30, -1e30],
        &[1e30],
        &[1e-30, 2e-30],
        &[5e-324, 1e-310],
        &[f64::MAX, f64::MIN, 0.0],
        &[1e6, 1e6 + 1e-10],
        &many,
    ];
    for size in [ChartSize::Wide, ChartSize::Narrow] {
        for values in sets {
            all("a name", values, size).iter().for_each(|drawn| sound(drawn, size));
        }
    }
}

#[test]
fn names_are_text_whatever_they_hold() {
    for size in [ChartSize::Wide, ChartSize::Narrow] {
        for name in [HOSTILE, "", &"W".repeat(500), &"word ".repeat(100), "var(--ink) #1A1C20 \"#1A1C20\""] {
            for drawn in all(name, &[1.0, 2.0, f64::NAN], size) {
                sound(&drawn, size);
                assert!(!drawn.svg.contains("<script") && !drawn.svg.contains("]]>"));
                assert!(drawn.svg.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'));
            }
        }
    }
    // What a mark says is plain text.
    let drawn = &all("<b> & c", &[1.0], ChartSize::Wide)[0];
    assert!(drawn.marks.iter().any(|mark| mark.text.starts_with("<b> & c, step 0: median 1.000")), "{:?}", drawn.marks);
}

fn curves(log_y: bool, points: impl Iterator<Item = (f64, f64)>) -> Curves {
    let band = |(step, median)| Band { step, median, low: median, high: median, seeds: 6 };
    let series = CurveSeries { name: "answer".to_owned(), points: points.map(band).collect(), ..Default::default() };
    Curves { series: vec![series], log_y, ..Default::default() }
}

#[test]
fn marks_of_curves_lie_where_the_logarithms_say() {
    let steps = [0.0, 10.0, 100.0, 5000.0];
    let drawn = curves(true, steps.iter().map(|&s| (s, 1000.0 / (s + 1.0)))).draw(ChartSize::Wide).unwrap();
    let marks = &drawn.marks;
    assert_eq!(marks.len(), 4);
    assert_eq!(marks[0].text, "answer, step 0: median 1000 (1000 … 1000), 6 seeds");
    let part = |from: f64, at: f64, to: f64| (at - from) / (to - from);
    for (step, mark) in steps.iter().zip(marks) {
        let wanted = f64::ln(step + 1.0) / f64::ln(5001.0);
        assert!((part(marks[0].x, mark.x, marks[3].x) - wanted).abs() < 1e-9);
        // Here the value falls by as many decades as the step rises.
        assert!((part(marks[0].y, mark.y, marks[3].y) - wanted).abs() < 1e-9);
    }
}

#[test]
fn what_a_log_axis_cannot_show_is_at_the_bottom_and_said_and_what_is_no_number_breaks_the_line() {
    let drawn = curves(true, [(0.0, 10.0), (1.0, -5.0), (2.0, f64::NAN), (3.0, 1.0)].into_iter())
        .draw(ChartSize::Wide)
        .unwrap();
    let [_, below, last] = &drawn.marks[..] else { panic!("{:?}", drawn.marks) };
    assert!(below.text.contains("median -5.000 (not above 0: drawn at the bottom)"), "{}", below.text);
    assert!(below.y > last.y);
    let lines = |drawn: &Drawn| drawn.svg.matches("stroke=\"#0072B2\" stroke-width=\"20\"").count();
    assert_eq!(lines(&drawn), 2);
    assert_eq!(lines(&curves(true, (0..4).map(|s| (f64::from(s), 1.0))).draw(ChartSize::Wide).unwrap()), 1);
}

#[test]
fn many_points_are_thinned_and_the_last_one_is_kept() {
    let drawn = curves(false, (0..100_000).map(|s| (f64::from(s), f64::from(s)))).draw(ChartSize::Wide).unwrap();
    assert!(drawn.marks.len() <= 1000 && drawn.svg.len() < 60_000, "{}", drawn.svg.len());
    assert!(drawn.marks.last().unwrap().text.starts_with("answer, step 99999:"));
}

#[test]
fn a_breakpoint_lies_on_the_prediction_and_no_error_is_a_line_at_0() {
    let points = vec![(0.0, 0.0), (2.0, 4.0), (4.0, 0.0)];
    let fit = FitPlot { target: points.clone(), prediction: points, breakpoints: vec![1.0], ..Default::default() };
    let drawn = fit.draw(ChartSize::Narrow).unwrap();
    let [.., end, kink] = &drawn.marks[..] else { panic!("{:?}", drawn.marks) };
    assert_eq!(kink.text, "kink at x 1.000: prediction 2.000");
    let predictions: Vec<&Mark> = drawn.marks.iter().filter(|m| m.text.starts_with("x 2.000")).collect();
    let start = drawn.marks.iter().find(|m| m.text.starts_with("x 0")).unwrap();
    let [off, peak] = predictions[..] else { panic!("{predictions:?}") };
    assert!((kink.x - (start.x + peak.x) / 2.0).abs() < 1e-9);
    assert!((kink.y - (end.y + peak.y) / 2.0).abs() < 1e-9);
    assert_eq!(off.y, start.y);
}

#[test]
fn a_row_says_which_of_its_values_are_no_numbers() {
    let row = PointRow {
        name: "answer".to_owned(),
        values: vec![1.0, 3.0, f64::INFINITY],
        median: 3.0,
        low: 1.0,
        high: f64::INFINITY,
        note: "diverged 1/3".to_owned(),
    };
    let drawn = Points { rows: vec![row], ..Default::default() }.draw(ChartSize::Wide).unwrap();
    let texts: Vec<&str> = drawn.marks.iter().map(|mark| mark.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "answer: a seed, 1.000",
            "answer: a seed, 3.000",
            "answer: median 3.000 (1.000 … inf), 3 seeds, diverged 1/3",
            "answer: 1 of 3 seeds without a finite value: inf"
        ]
    );
    assert!(drawn.marks[3].x > drawn.marks[1].x);
}

#[test]
fn in_a_page_colours_are_variables_and_there_is_no_paper() {
    let drawn = &all("\"#1A1C20\"", &[1.0, 2.0], ChartSize::Wide)[0];
    let page = for_page(&drawn.svg);
    assert!(!page.contains("class=\"paper\"") && !page.contains("<title>") && !page.contains("<?xml"));
    let document = roxmltree::Document::parse(&page).unwrap();
    assert_eq!(document.root_element().attribute("aria-label"), Some("\"#1A1C20\""));
    for node in document.descendants() {
        for colour in ["fill", "stroke"].iter().filter_map(|name| node.attribute(*name)) {
            let name = colour.strip_prefix("var(").and_then(|rest| rest.strip_suffix(')'));
            assert!(colour == "none" || LIGHT.iter().any(|(known, _)| Some(*known) == name), "{colour}");
        }
    }
}

#[test]
fn a_picture_has_the_charts_size_times_its_scale_and_ink_on_it() {
    for (size, scale) in [(ChartSize::Wide, 2.0), (ChartSize::Narrow, 1.5)] {
        let drawn = &all("", &[1.0, 2.0, 4.0], size)[0];
        let (wide, high) = (if size == ChartSize::Wide { 860.0 } else { 360.0 }, height(drawn));
        let picture = resvg::tiny_skia::Pixmap::decode_png(&png(&drawn.svg, scale).unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), ((wide * scale) as u32, (high as f32 * scale).ceil() as u32));
        let blue = |p: &resvg::tiny_skia::PremultipliedColorU8| (p.red(), p.green(), p.blue()) == (0, 0x72, 0xB2);
        assert!(picture.pixels().iter().filter(|p| blue(p)).count() > 100);
        assert_eq!(picture.pixels()[0].red(), 255);
    }
}

#[test]
fn text_is_drawn_with_the_font_that_is_part_of_the_program() {
    let svg = |text: &str| {
        let family = "system-ui, 'DejaVu Sans', sans-serif";
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"99\" height=\"20\" font-family=\"{family}\"><text y=\"15\">{text}</text></svg>"
        )
    };
    assert_ne!(png(&svg("answer"), 1.0).unwrap(), png(&svg(""), 1.0).unwrap());
}

#[test]
fn the_ground_has_the_colour_of_the_class_that_the_nearest_sample_is_predicted_as() {
    let point = |x, truth, predicted| ClassPoint { x, y: 0.0, truth, predicted };
    let points = vec![point(0.0, 0, Some(0)), point(1.0, 0, Some(1)), point(10.0, 1, Some(1))];
    let classes = ["a", "b"].map(str::to_owned).to_vec();
    let drawn = Regions { classes, points, ..Default::default() }.draw(ChartSize::Wide).unwrap();
    let texts: Vec<&str> = drawn.marks.iter().map(|mark| mark.text.as_str()).collect();
    assert_eq!(
        texts,
        ["a, predicted rightly: 0 and 0", "a, predicted as b: 1.000 and 0", "b, predicted rightly: 10.00 and 0"]
    );
    // Where the colours meet lies halfway between the first two, to a cell.
    let document = roxmltree::Document::parse(&drawn.svg).unwrap();
    let ground = document.descendants().filter(|node| node.attribute("shape-rendering") == Some("crispEdges"));
    let [first, second] = ground.collect::<Vec<_>>()[..] else { panic!("a group for each class") };
    let edges = |group: roxmltree::Node, right: bool| -> Vec<f64> {
        let number = |node: &roxmltree::Node, name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
        let rects = group.children().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "rect")));
        rects.map(|rect| number(&rect, "x") / 10.0 + if right { number(&rect, "width") / 10.0 } else { 0.0 }).collect()
    };
    let wanted = f64::midpoint(drawn.marks[0].x, drawn.marks[1].x);
    for edge in edges(first, true).into_iter().chain(edges(second, false)) {
        assert!((edge - wanted).abs() <= 4.0, "{edge} instead of {wanted}");
    }
    let fill = |group: roxmltree::Node| group.children().find_map(|node| node.attribute("fill").map(str::to_owned));
    assert_eq!([fill(first), fill(second)].map(Option::unwrap), ["#0072B2", "#D55E00"]);
}
