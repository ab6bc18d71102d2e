//! No module of a crate imports, directly or through others, a sibling that imports it.
//!
//! An import is a path that starts with `crate`, `super` or `self`. It is an edge between two sibling modules: the ones where
//! the paths of the importing and the imported file part. A module and its own submodules are one unit and may use each
//! other. Re-exports are followed, except those of the crate's root, which any module may use; `--nocapture` prints the
//! cycles over these, too. Code under `cfg(test)` does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::MetadataCommand;

/// A module, as the names on the way to it from the crate's root.
type Module = Vec<String>;

/// One crate's modules that have a file, and the names that each re-exports.
struct Crate {
    modules: BTreeSet<Module>,
    /// From a re-exporting module and the exported name to the path that it stands for.
    exports: BTreeMap<(Module, String), Module>,
    /// Importing module and imported path, both from the crate's root.
    imports: Vec<(Module, Module)>,
}

impl Crate {
    fn read(source: &Path) -> Self {
        let mut this = Self {
            modules: BTreeSet::new(),
            exports: BTreeMap::new(),
            imports: Vec::new(),
        };
        let mut folders = vec![source.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap().flatten() {
                let path = entry.path();
                let is_test = path.file_stem().is_some_and(|name| name == "tests");
                if is_test {
                    continue;
                } else if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "rs") {
                    this.add(module_of(path.strip_prefix(source).unwrap()), &path);
                }
            }
        }
        this
    }

    fn add(&mut self, module: Module, path: &Path) {
        let text = std::fs::read_to_string(path).unwrap();
        self.modules.insert(module.clone());
        let imports = Imports::read(module, &text);
        let module = imports.module;
        for (name, path) in imports.exports {
            self.exports.insert((module.clone(), name), path);
        }
        self.imports
            .extend(imports.paths.into_iter().map(|path| (module.clone(), path)));
    }

    /// The module with a file that a path leads to, through re-exports: those of the root too if `through_root`.
    fn resolve(&self, path: &[String], through_root: bool) -> Module {
        let mut path = path.to_vec();
        // A re-export of a re-export takes another turn; a circle of them does not compile.
        for _ in 0..10 {
            let length = (0..=path.len()).rev().find(|end| self.modules.contains(&path[..*end]));
            let (module, rest) = path.split_at(length.unwrap_or(0));
            let export = rest.first().map(|name| (module.to_vec(), name.clone()));
            let export = export.filter(|(module, _)| through_root || !module.is_empty());
            match export.and_then(|export| self.exports.get(&export)) {
                Some(target) if *target != path => path = [target, &rest[1..]].concat(),
                _ => return module.to_vec(),
            }
        }
        panic!("{path:?} is re-exported in a circle")
    }

    /// The imports between siblings, each with the files it comes from.
    fn edges(&self, through_root: bool) -> BTreeMap<(Module, Module), BTreeSet<String>> {
        let mut edges: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (user, path) in &self.imports {
            let used = self.resolve(path, through_root);
            let common = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
            if common < user.len() && common < used.len() {
                let siblings = (user[..=common].to_vec(), used[..=common].to_vec());
                let import = format!("{} imports {}", user.join("::"), path.join("::"));
                edges.entry(siblings).or_default().insert(import);
            }
        }
        edges
    }

    /// The imports that are part of a cycle.
    fn cycles(&self, through_root: bool) -> Vec<String> {
        let edges = self.edges(through_root);
        let reaches = |from: &Module, to: &Module| {
            let mut seen = BTreeSet::new();
            let mut open = vec![from];
            while let Some(module) = open.pop() {
                let next = edges.keys().filter(|(user, _)| user == module).map(|(_, used)| used);
                open.extend(next.filter(|used| seen.insert(*used)));
            }
            seen.contains(to)
        };
        let in_cycles = edges.iter().filter(|((user, used), _)| reaches(used, user));
        in_cycles.flat_map(|(_, imports)| imports.clone()).collect()
    }
}

/// The module that a file below `src` is.
fn module_of(file: &Path) -> Module {
    let names = file.with_extension("");
    let mut module: Module = names.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
    let root = module.len() == 1 && ["lib", "main"].contains(&module[0].as_str());
    if root || module.last().is_some_and(|name| name == "mod") {
        module.pop();
    }
    module
}

/// The paths of one file.
struct Imports {
    module: Module,
    /// For each open brace, whether it is an inline module's.
    braces: Vec<bool>,
    paths: Vec<Module>,
    exports: Vec<(String, Module)>,
}

const KEYWORDS: [&str; 3] = ["crate", "super", "self"];

impl Imports {
    /// The path from the crate's root; `None` if it does not start at `crate`, `super` or `self`.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let mut from = match path.first()?.as_str() {
            "crate" => Module::new(),
            "super" | "self" => self.module.clone(),
            _ => return None,
        };
        // Inside of an inline module the first `super` is this file.
        let mut inline = self.braces.iter().filter(|is_module| **is_module).count();
        let mut names = path.iter().peekable();
        while let Some(name) = names.next_if(|name| KEYWORDS.contains(&name.as_str())) {
            match name.as_str() {
                "super" if inline > 0 => inline -= 1,
                "super" => drop(from.pop()),
                _ => {}
            }
        }
        from.extend(names.cloned());
        Some(from)
    }

    fn read(module: Module, text: &str) -> Self {
        let mut this = Self {
            module,
            braces: Vec::new(),
            paths: Vec::new(),
            exports: Vec::new(),
        };
        let tokens = tokens(text);
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at = match token.as_str() {
                "#" if starts(&tokens[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) => after_item(&tokens, at + 7),
                "use" => {
                    let public = at > 0 && ["pub", ")"].contains(&tokens[at - 1].as_str());
                    this.tree(&[], &tokens, at + 1, public)
                }
                "{" => {
                    this.braces.push(at > 1 && tokens[at - 2] == "mod");
                    at + 1
                }
                "}" => {
                    this.braces.pop();
                    at + 1
                }
                keyword if KEYWORDS.contains(&keyword) => {
                    let path: Vec<_> = tokens[at..].chunks(2).map_while(path_step).collect();
                    let path: Vec<_> = match path.iter().position(|(_, more)| !more) {
                        Some(last) => path[..=last].iter().map(|(name, _)| name.clone()).collect(),
                        None => path.into_iter().map(|(name, _)| name).collect(),
                    };
                    let length = 2 * path.len() - 1;
                    if path.len() > 1 {
                        this.paths.extend(this.absolute(&path));
                    }
                    at + length
                }
                _ => at + 1,
            };
        }
        this
    }

    /// Reads a tree of `use` behind the path `before`; the position after it.
    fn tree(&mut self, before: &[String], tokens: &[String], mut at: usize, public: bool) -> usize {
        let mut path = before.to_vec();
        loop {
            match tokens[at].as_str() {
                "{" => {
                    at += 1;
                    while tokens[at] != "}" {
                        at = self.tree(&path, tokens, at, public);
                        at += usize::from(tokens[at] == ",");
                    }
                    return at + 1;
                }
                "*" => {
                    self.paths.extend(self.absolute(&path));
                    return at + 1;
                }
                name => path.push(name.to_owned()),
            }
            at += 1;
            if tokens[at] != "::" {
                break;
            }
            at += 1;
        }
        let mut exported = path.last().cloned().unwrap_or_default();
        if tokens[at] == "as" {
            exported.clone_from(&tokens[at + 1]);
            at += 2;
        }
        // `use child::{self}` names the child.
        path.pop_if(|name| name == "self");
        let absolute = self.absolute(&path);
        if public && self.braces.is_empty() {
            // `pub use child::Name`: a path without a keyword starts here.
            let target = absolute.clone().unwrap_or_else(|| [&self.module[..], &path].concat());
            self.exports.push((exported, target));
        }
        self.paths.extend(absolute);
        at
    }
}

/// A name of a path, and whether `::` and more follow.
fn path_step(two: &[String]) -> Option<(String, bool)> {
    let is_name = two[0].starts_with(|first: char| first.is_alphabetic() || first == '_');
    is_name.then(|| (two[0].clone(), two.get(1).is_some_and(|next| next == "::")))
}

fn starts(tokens: &[String], with: &[&str]) -> bool {
    tokens.len() >= with.len() && tokens.iter().zip(with).all(|(token, with)| token == with)
}

/// The position after the item that begins here: behind its `;` or its braces.
fn after_item(tokens: &[String], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth <= 1 => return at + usize::from(depth == 1),
            "}" => depth -= 1,
            ";" | "," if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Names, `::` and single other characters of Rust, without comments, literals and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            string_length(rest)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{hashes}");
            let start = rest.find('"').unwrap_or(0) + 1;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if first == '\'' {
            char_length(rest)
        } else if is_name(first) {
            let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The hashes of a raw string that begins here.
fn raw_string(text: &str) -> Option<&str> {
    let rest = ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let (hashes, _) = rest.split_once('"')?;
    hashes.chars().all(|c| c == '#').then_some(hashes)
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of a character literal, or 1 for the quote of a lifetime.
fn char_length(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        // The character after the backslash may be a quote itself.
        (Some((_, '\\')), Some((at, _))) => text[at + 1..].find('\'').map_or(text.len(), |end| at + end + 2),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

#[test]
fn modules_do_not_import_each_other_in_cycles() {
    let metadata = MetadataCommand::new()
        .manifest_path(shopfloor_tests::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let source = package.manifest_path.parent().unwrap().join("src");
        let modules = Crate::read(source.as_std_path());
        for import in modules.cycles(true) {
            println!("{}, through re-exports of the root: {import}", package.name);
        }
        let cycles = modules.cycles(false);
        found.extend(cycles.iter().map(|import| format!("{}: {import}", package.name)));
    }
    assert!(
        found.is_empty(),
        "imports that are part of a cycle; move what both modules need into a third one: {found:#?}"
    );
}

/// The cycles of a crate with these files.
fn cycles_of(files: &[(&str, &str)], through_root: bool) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Crate::read(folder.path()).cycles(through_root)
}

#[test]
fn a_cycle_of_three_files_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::{b::{self, B}, std::x};"),
        ("b.rs", "fn f() -> super::c::C { todo!() }"),
        ("c/mod.rs", "mod d;"),
        ("c/d.rs", "use super::super::a::A as Other;"),
    ];
    let expected = ["a imports b", "a imports b::B", "b imports c::C", "c::d imports a::A"];
    assert_eq!(cycles_of(&files, false), expected);
    assert!(cycles_of(&files[..4], false).is_empty());
}

#[test]
fn tests_comments_texts_and_submodules_make_no_cycle() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use b::B;"),
        (
            "a/mod.rs",
            "mod inner; use self::inner::I; use crate::b::B; struct A<'a>(&'a str, char);",
        ),
        ("a/inner.rs", "use super::A; const QUOTE: [char; 2] = ['\'', '\"'];"),
        (
            "b.rs",
            "//! See crate::a::A.\nconst A: &str = \"\\\"crate::a::A\"; const B: &str = r#\"\"crate::a\"#;\n\
             #[cfg(test)] mod tests { use crate::a::A; fn f() {} }\n#[cfg(test)] use crate::a;",
        ),
    ];
    assert_eq!(cycles_of(&files, true), [""; 0]);
}

#[test]
fn cycles_through_the_root_are_found_where_asked_for() {
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::Name;"),
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "use crate::Name;"),
    ];
    assert_eq!(cycles_of(&files, false), [""; 0]);
    assert_eq!(cycles_of(&files, true), ["a imports b::B", "b imports Name"]);
}
