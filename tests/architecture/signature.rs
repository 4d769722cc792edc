//! Types and functions as rustdoc describes them, in one line.

use serde_json::Value;

/// Items, by the numbers that rustdoc gave them, and as they are called.
pub type Named = Vec<(u64, String)>;

/// One line, and the items that it names.
#[derive(Clone, Debug, Default)]
pub struct Signature {
    pub text: String,
    pub names: Named,
}

impl Signature {
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned(), names: Named::new() }
    }

    pub fn field(name: &str, type_: &Value) -> Self {
        let mut names = Named::new();
        let text = format!("{name}: {}", type_text(type_, &mut names));
        Self { text, names }
    }

    pub fn implemented(trait_: &Value, for_: &Value) -> Self {
        let mut names = Named::new();
        let (trait_, for_) = (path_text(trait_, &mut names), type_text(for_, &mut names));
        Self { text: format!("impl {trait_} for {for_}"), names }
    }

    pub fn function(name: &str, function: &Value) -> Self {
        let mut names = Named::new();
        let generics = generics_text(&function["generics"], &mut names);
        let inputs: Vec<String> = list(&function["sig"]["inputs"])
            .map(|input| match (input[0].as_str(), type_text(&input[1], &mut names).as_str()) {
                (Some("self"), "Self") => "self".to_owned(),
                (Some("self"), "&Self") => "&self".to_owned(),
                (Some("self"), "&mut Self") => "&mut self".to_owned(),
                (name, type_) => format!("{}: {type_}", name.unwrap_or("_")),
            })
            .collect();
        let output = match &function["sig"]["output"] {
            Value::Null => String::new(),
            output => format!(" -> {}", type_text(output, &mut names)),
        };
        Self { text: format!("fn {name}{generics}({}){output}", inputs.join(", ")), names }
    }
}

fn type_text(type_: &Value, names: &mut Named) -> String {
    let Some((kind, inner)) = type_.as_object().and_then(|it| it.iter().next()) else {
        return type_.as_str().unwrap_or("?").to_owned();
    };
    match kind.as_str() {
        "primitive" | "generic" => inner.as_str().unwrap_or("?").to_owned(),
        "resolved_path" => path_text(inner, names),
        "borrowed_ref" => {
            let mutable = if inner["is_mutable"] == true { "mut " } else { "" };
            let life = inner["lifetime"].as_str().map_or(String::new(), |life| format!("{life} "));
            format!("&{life}{mutable}{}", type_text(&inner["type"], names))
        }
        "slice" => format!("[{}]", type_text(inner, names)),
        "array" => {
            let length = inner["len"].as_str().unwrap_or("?").to_owned();
            format!("[{}; {length}]", type_text(&inner["type"], names))
        }
        "tuple" => {
            let parts: Vec<String> = list(inner).map(|part| type_text(part, names)).collect();
            format!("({})", parts.join(", "))
        }
        "impl_trait" => format!("impl {}", bounds_text(inner, names)),
        "dyn_trait" => {
            let traits = list(&inner["traits"]).map(|it| path_text(&it["trait"], names));
            format!("dyn {}", traits.collect::<Vec<_>>().join(" + "))
        }
        "qualified_path" => {
            let of = type_text(&inner["self_type"], names);
            format!("{of}::{}", inner["name"].as_str().unwrap_or("?"))
        }
        // Told as it is: nothing is passed over.
        _ => type_.to_string(),
    }
}

/// A path, without the modules before its last name, and with its arguments.
fn path_text(path: &Value, names: &mut Named) -> String {
    let name = path["path"].as_str().unwrap_or("?");
    names.extend(path["id"].as_u64().map(|id| (id, name.to_owned())));
    let name = name.rsplit("::").next().unwrap_or(name);
    let arguments = &path["args"];
    if let Some(function) = arguments.get("parenthesized") {
        let inputs = list(&function["inputs"]).map(|input| type_text(input, names));
        return format!("{name}({})", inputs.collect::<Vec<_>>().join(", "));
    }
    let given = &arguments["angle_bracketed"];
    let plain = list(&given["args"]).map(|it| argument_text(it, names)).collect::<Vec<_>>();
    let bound = list(&given["constraints"]).map(|it| {
        let what = type_text(&it["binding"]["equality"]["type"], names);
        format!("{} = {what}", it["name"].as_str().unwrap_or("?"))
    });
    let all: Vec<String> = plain.into_iter().chain(bound.collect::<Vec<_>>()).collect();
    if all.is_empty() { name.to_owned() } else { format!("{name}<{}>", all.join(", ")) }
}

fn argument_text(argument: &Value, names: &mut Named) -> String {
    match argument.get("type") {
        Some(type_) => type_text(type_, names),
        None => argument["lifetime"].as_str().unwrap_or("_").to_owned(),
    }
}

fn bounds_text(bounds: &Value, names: &mut Named) -> String {
    let texts = list(bounds).map(|bound| match bound.get("trait_bound") {
        Some(bound) => path_text(&bound["trait"], names),
        None => bound["outlives"].as_str().unwrap_or("?").to_owned(),
    });
    texts.collect::<Vec<_>>().join(" + ")
}

/// Type parameters; those that stand for `impl` in an argument are told there.
fn generics_text(generics: &Value, names: &mut Named) -> String {
    let mut texts = Vec::new();
    for param in list(&generics["params"]) {
        let type_ = &param["kind"]["type"];
        let name = param["name"].as_str().unwrap_or("?");
        if type_["is_synthetic"] != true {
            let bounds = bounds_text(&type_["bounds"], names);
            let colon = if bounds.is_empty() { "" } else { ": " };
            texts.push(format!("{name}{colon}{bounds}"));
        }
    }
    if texts.is_empty() { String::new() } else { format!("<{}>", texts.join(", ")) }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
