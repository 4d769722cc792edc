//! The promised Rust interface, listed in a file that changes in review with it; and that it names no hidden type.
//!
//! `TENURE_WRITE_GOLDEN=1 cargo test --test architecture public_api` writes the file anew.

use crate::common::cargo::cargo;
use crate::common::root::root;
use crate::signature::{Named, Signature};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn public_api_is_the_one_of_the_file_and_names_no_hidden_type() {
    let Some(mut crate_) = Crate::documented() else { return };
    let mut promised = BTreeSet::new();
    crate_.promise(&crate_.docs["root"], &mut promised);
    crate_.promised = promised;
    let mut said = Said::default();
    crate_.list(&crate_.docs["root"], "tenure", &mut said);
    let leaks = crate_.leaks(&said);
    assert!(leaks.is_empty(), "promised items name hidden types:\n{}", leaks.join("\n"));

    let listing = format!("{HEAD}{}\n", said.lines().join("\n"));
    let golden = root("tests/golden/public-api.txt");
    if std::env::var_os("TENURE_WRITE_GOLDEN").is_some() {
        std::fs::write(&golden, &listing).unwrap();
    }
    let before = std::fs::read_to_string(&golden).unwrap();
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
        (before.lines().collect(), listing.lines().collect());
    let gone = old.difference(&new).map(|line| format!("- {line}"));
    let differences: Vec<String> =
        gone.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect();
    assert!(
        before == listing,
        "the promised interface is another: if that is meant, TENURE_WRITE_GOLDEN=1 writes {}\n{}",
        golden.display(),
        differences.join("\n")
    );
}

/// What rustdoc knows.
struct Crate {
    docs: Value,
    /// Types and functions at the root, and in the modules that are not hidden.
    promised: BTreeSet<u64>,
}

/// Lines of the listing, by the path of what they are about; and who names which item.
#[derive(Default)]
struct Said {
    items: BTreeMap<String, BTreeSet<String>>,
    named: Vec<(String, Named)>,
}

impl Said {
    fn lines(&self) -> Vec<String> {
        let lines = self.items.iter().flat_map(|(path, parts)| {
            let parts = parts.iter().map(|part| format!("    {part}"));
            std::iter::once(path.clone()).chain(parts)
        });
        lines.collect()
    }

    /// One part of `path`, and what it names.
    fn part(&mut self, path: &str, signature: Signature) {
        let Signature { text, names } = signature;
        self.named.push((format!("{path}: {text}"), names));
        self.items.entry(path.to_owned()).or_default().insert(text);
    }
}

impl Crate {
    /// Has rustdoc write what it knows; `None` where it writes another format.
    fn documented() -> Option<Self> {
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().nth(3).expect("target/debug/deps/test");
        let mut command = cargo();
        command.env("RUSTDOC", root("tests/architecture/rustdoc"));
        command
            .args(["rustdoc", "--quiet", "--locked", "--offline", "--lib", "--target-dir"])
            .arg(target);
        command.args(["--", "-Z", "unstable-options", "--document-hidden-items"]);
        command.args(["--output-format", "json", "--cap-lints", "allow"]);
        let output = command.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(target.join("doc/tenure.json")).unwrap();
        let docs: Value = serde_json::from_str(&text).unwrap();
        let format = docs["format_version"].as_u64();
        if format != Some(FORMAT) {
            println!(
                "skipped: this rustdoc writes format {format:?}, and what is read here is {FORMAT}"
            );
            return None;
        }
        Some(Self { docs, promised: BTreeSet::new() })
    }

    /// The item of that number, if it is one of this crate and not hidden.
    fn item(&self, id: &Value) -> Option<&Value> {
        let item = self.docs["index"].get(id.to_string())?;
        let is_hidden = has_attribute(item, "doc(hidden)");
        (item["crate_id"] == 0 && !is_hidden).then_some(item)
    }

    /// Lists the item `id`, which stands at `path`, and all within it.
    fn list(&self, id: &Value, path: &str, said: &mut Said) {
        let Some(item) = self.item(id) else { return };
        let (kind, inner) = inner(item);
        match kind {
            "module" => {
                for child in children(&inner["items"]) {
                    let Some(found) = self.item(child) else { continue };
                    let name = found["inner"]["use"]["name"].as_str().or(found["name"].as_str());
                    self.list(child, &format!("{path}::{}", name.unwrap_or("?")), said);
                }
            }
            "use" => self.list(&inner["id"], path, said),
            "function" => said.part(path, Signature::function("", inner)),
            "struct" | "enum" => self.list_type(id, path, said),
            other => said.part(path, Signature::of(other)),
        }
    }

    fn list_type(&self, id: &Value, path: &str, said: &mut Said) {
        let Some(item) = self.item(id) else { return };
        let (kind, inner) = inner(item);
        let grows = has_attribute(item, "non_exhaustive");
        let path = &format!("{path} ({kind}{})", if grows { ", non_exhaustive" } else { "" });
        said.items.entry(path.clone()).or_default();
        let fields = children(&inner["kind"]["plain"]["fields"]);
        for field in fields.chain(children(&inner["kind"]["tuple"])) {
            self.list_field(field, "", path, said);
        }
        for variant in children(&inner["variants"]) {
            let Some(variant) = self.item(variant) else { continue };
            let name = variant["name"].as_str().unwrap_or("?");
            let kind = &variant["inner"]["variant"]["kind"];
            said.part(path, Signature::of(name));
            let fields = children(&kind["struct"]["fields"]).chain(children(&kind["tuple"]));
            fields.for_each(|field| self.list_field(field, &format!("{name}."), path, said));
        }
        for found in children(&inner["impls"]).filter_map(|found| self.item(found)) {
            self.list_impl(found, path, said);
        }
    }

    fn list_field(&self, id: &Value, before: &str, path: &str, said: &mut Said) {
        let Some(field) = self.item(id) else { return };
        let name = field["name"].as_str().unwrap_or("?");
        said.part(
            path,
            Signature::field(&format!("{before}{name}"), &field["inner"]["struct_field"]),
        );
    }

    fn list_impl(&self, found: &Value, path: &str, said: &mut Said) {
        let inner = &found["inner"]["impl"];
        let is_ours = inner["blanket_impl"].is_null() && inner["is_synthetic"] == false;
        if !is_ours || inner["trait"]["path"].as_str().is_some_and(is_derived_marker) {
            return;
        }
        let is_own = inner["trait"].is_null();
        if !is_own {
            let signature = Signature::implemented(&inner["trait"], &inner["for"]);
            // A trait, or a `From` of a type, that nobody else can name is nobody else's to use.
            if signature.names.iter().any(|(id, _)| self.is_hidden(*id)) {
                return;
            }
            said.part(path, signature);
        }
        for id in children(&inner["items"]) {
            let Some(item) = self.item(id) else { continue };
            let name = item["name"].as_str().unwrap_or("?");
            match (item["inner"].get("function"), item["inner"].get("assoc_type")) {
                (Some(function), _) if is_own => {
                    said.part(path, Signature::function(name, function));
                }
                (_, Some(of)) => said.part(path, Signature::field(name, &of["type"])),
                (None, None) => said.part(path, Signature::of(&format!("const {name}"))),
                (Some(_), None) => {}
            }
        }
    }

    /// Items that promised ones name, of this crate, and that are not promised.
    fn leaks(&self, said: &Said) -> Vec<String> {
        let mut leaks = BTreeSet::new();
        for (by, names) in &said.named {
            let hidden = names.iter().filter(|(id, _)| self.is_hidden(*id));
            leaks.extend(hidden.map(|(_, name)| format!("{name}, by {by}")));
        }
        leaks.into_iter().collect()
    }

    /// Whether it is of this crate, and not promised.
    fn is_hidden(&self, id: u64) -> bool {
        let path = self.docs["paths"].get(id.to_string());
        let is_elsewhere = path.is_some_and(|path| path["crate_id"] != 0);
        !is_elsewhere && !self.promised.contains(&id)
    }

    /// The types below the item `id`.
    fn promise(&self, id: &Value, promised: &mut BTreeSet<u64>) {
        let Some((item, id)) = self.item(id).zip(id.as_u64()) else { return };
        match inner(item) {
            ("module", inner) => {
                children(&inner["items"]).for_each(|child| self.promise(child, promised));
            }
            ("use", inner) => self.promise(&inner["id"], promised),
            _ => {
                promised.insert(id);
            }
        }
    }
}

fn has_attribute(item: &Value, name: &str) -> bool {
    children(&item["attrs"]).any(|attr| attr.to_string().contains(name))
}

fn inner(item: &Value) -> (&str, &Value) {
    let inner = item["inner"].as_object().and_then(|inner| inner.iter().next());
    inner.map(|(kind, inner)| (kind.as_str(), inner)).expect("each item is of a kind")
}

fn children(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten().filter(|child| !child.is_null())
}

/// What the compiler adds beside a derived trait.
fn is_derived_marker(name: &str) -> bool {
    name == "StructuralPartialEq"
}

/// Of what rustdoc 1.95 writes.
const FORMAT: u64 = 57;
const HEAD: &str = "# What Rust programs may use, and semantic versioning speaks of: tests/architecture/public_api.rs\n";
