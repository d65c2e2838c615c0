//! A picture as a program sees it: parsed, with every word's box, and with nothing in it but what a
//! diagram is made of.

use chittychat::causality::layout::{labels::Bounds, text::width};
use roxmltree::{Document, Node};

/// Every element that a picture may have, with its attributes. The title and the description have an id,
/// and so do the heads of arrows; nothing else can be referred to.
const OURS: [(&str, &[&str]); 10] = [
    ("svg", &["width", "height", "viewBox", "role", "aria-labelledby"]),
    ("title", &["id"]),
    ("desc", &["id"]),
    ("style", &[]),
    ("defs", &[]),
    ("marker", &["id", "markerUnits", "markerWidth", "markerHeight", "refX", "refY", "orient"]),
    ("g", &["class"]),
    ("rect", &["class", "width", "height"]),
    ("path", &["class", "d", "marker-end"]),
    ("text", &["class", "x", "y", "text-anchor", "textLength", "lengthAdjust"]),
];

/// Checks that there is nothing in a picture but what a diagram is made of.
#[track_caller]
pub fn is_ours(svg: &str) {
    let document = Document::parse(svg).unwrap();
    for node in document.descendants() {
        if node.is_root() || node.is_text() {
            continue;
        }
        assert!(node.is_element(), "{node:?} is neither element nor text");
        assert_eq!(node.tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
        let name = node.tag_name().name();
        let (_, attributes) = OURS.iter().find(|(ours, _)| *ours == name).unwrap_or_else(|| {
            panic!("{name} is no element of ours");
        });
        for attribute in node.attributes() {
            assert!(attributes.contains(&attribute.name()), "{} of {name}", attribute.name());
            let value = attribute.value();
            let is_fit = match attribute.name() {
                "class" => value.chars().all(|c| c.is_ascii_alphanumeric() || c == ' '),
                "d" => value.chars().all(|c| c.is_ascii_digit() || "MLHVahlmvz .-".contains(c)),
                "marker-end" => value.strip_prefix("url(#head").is_some_and(|rest| rest.len() <= 2),
                _ => {
                    value.len() <= 40
                        && value.chars().all(|c| c.is_ascii_alphanumeric() || "  .-".contains(c))
                }
            };
            assert!(is_fit, "{}={value:?}", attribute.name());
        }
    }
}

/// The root's words: title and description.
pub fn title_and_description(svg: &str) -> (String, String) {
    let document = Document::parse(svg).unwrap();
    let root = document.root_element();
    let labels: Vec<_> = root.attribute("aria-labelledby").unwrap().split(' ').collect();
    let by_id = |id: &str| {
        let found = document.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
        found.text().unwrap().to_owned()
    };
    assert_eq!(root.attribute("role"), Some("img"));
    (by_id(labels[0]), by_id(labels[1]))
}

/// Everything that is written in a picture, with its box.
pub fn words(svg: &str) -> (Vec<(String, Bounds)>, (u32, u32)) {
    let document = Document::parse(svg).unwrap();
    let number =
        |node: &Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<u32>().unwrap();
    let root = document.root_element();
    let size = (number(&root, "width"), number(&root, "height"));
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    let words = texts.map(|node| {
        let text = node.text().unwrap_or_default();
        let class = node.attribute("class").unwrap_or_default();
        let width = width(text, if class.starts_with("name") { 15 } else { 12 });
        let (x, y) = (number(&node, "x"), number(&node, "y"));
        let left = match node.attribute("text-anchor") {
            Some("end") => x - width,
            Some("middle") => x - width / 2,
            _ => x,
        };
        (text.to_owned(), Bounds { left, top: y - 12, width, height: 16 })
    });
    (words.collect(), size)
}

/// Checks that no two words of a picture overlap, and that all of them are in it.
#[track_caller]
pub fn is_legible(svg: &str) {
    let (words, (wide, high)) = words(svg);
    for (place, (text, bounds)) in words.iter().enumerate() {
        let is_inside = bounds.left + bounds.width <= wide && bounds.top + bounds.height <= high;
        assert!(is_inside, "{text:?} at {bounds:?} leaves {wide} x {high}");
        for (other, others) in &words[place + 1..] {
            assert!(!bounds.overlaps(others), "{text:?} {bounds:?} and {other:?} {others:?}");
        }
    }
}

/// The titles of what has a class: what is said to whoever points at it.
pub fn titles(svg: &str, class: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let has_class = |node: &Node<'_, '_>| {
        node.attribute("class").is_some_and(|classes| classes.split(' ').any(|one| one == class))
    };
    let title = |node: Node<'_, '_>| {
        node.children()
            .find(|child| child.has_tag_name("title"))
            .and_then(|it| it.text())
            .map(str::to_owned)
    };
    document.descendants().filter(has_class).filter_map(title).collect()
}

/// How many elements have a class.
pub fn count(svg: &str, class: &str) -> usize {
    let document = Document::parse(svg).unwrap();
    let has_class = |node: &Node<'_, '_>| {
        node.attribute("class").is_some_and(|classes| classes.split(' ').any(|one| one == class))
    };
    document.descendants().filter(has_class).count()
}
