//! The pages as text: their sections, and what of them a reader types.

/// A section: its heading without the marks, and the lines below it that a reader types; one that ends in a backslash goes
/// on in the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub heading: String,
    pub typed: Vec<String>,
}

/// The whole page.
pub fn text(page: &str) -> String {
    let path = format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a page")
}

/// All of its sections, of whatever depth.
pub fn sections(page: &str) -> Vec<Section> {
    let text = text(page).replace("\\\n", " ");
    let mut sections: Vec<Section> = Vec::new();
    let mut is_fenced = false;
    for line in text.lines() {
        is_fenced ^= line.trim_start().starts_with("```");
        if is_fenced {
            continue;
        }
        if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim().to_owned();
            sections.push(Section { heading, typed: Vec::new() });
        } else if line.starts_with("    ") {
            let typed = line.split_whitespace().collect::<Vec<_>>().join(" ");
            sections.last_mut().expect("a page begins with its title").typed.push(typed);
        }
    }
    sections
}

/// What is typed below the heading that begins so, without the comments behind it.
pub fn lines(page: &str, heading: &str) -> Vec<String> {
    let sections = sections(page);
    let section = sections.iter().find(|section| section.heading.starts_with(heading));
    let typed = &section.unwrap_or_else(|| panic!("{page} has no {heading:?}")).typed;
    typed.iter().map(|line| line.split(" # ").next().unwrap_or(line).to_owned()).collect()
}

/// `line` with other words in place of some; the longer ones come first.
pub fn with(line: &str, words: &[(&str, &str)]) -> String {
    words.iter().fold(line.to_owned(), |line, (from, to)| line.replace(from, to))
}
