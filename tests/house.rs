//! The house as CONTRIBUTING.md's map draws it: each source file is in a room, a room uses those below it that its row names,
//! only `src/train` knows libtorch, and `unsafe` code is where the map says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the map allows.
struct Map {
    /// From the top floor to the lowest: a room and the rooms that it may use.
    rooms: Vec<(String, Vec<String>)>,
    /// Folders that may hold `unsafe` code.
    unsafe_places: Vec<String>,
}

impl Map {
    /// Reads the tables of CONTRIBUTING.md. A room's row begins with `src/<room>/` and ends with the rooms that it may use.
    fn read(text: &str) -> Map {
        let mut map = Map { rooms: Vec::new(), unsafe_places: Vec::new() };
        for row in text.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [place, what, rest @ ..] = cells.as_slice() else { continue };
            let place = place.trim_matches('`');
            if what.contains("`unsafe`") {
                map.unsafe_places.push(place.to_owned());
            }
            let room = place.strip_prefix("src/").and_then(|place| place.strip_suffix('/'));
            if let (Some(room), [may_use]) = (room, rest) {
                let used = may_use.split(',').map(str::trim).filter(|used| *used != "nothing");
                map.rooms.push((room.to_owned(), used.map(str::to_owned).collect()));
            }
        }
        map
    }

    /// Arrows of the table itself that do not go down.
    fn faults(&self) -> Vec<String> {
        let floor = |room: &str| self.rooms.iter().position(|(name, _)| name == room);
        let mut faults = Vec::new();
        for (at, (room, used)) in self.rooms.iter().enumerate() {
            for other in used {
                match floor(other) {
                    None => faults.push(format!("CONTRIBUTING.md: {room} → {other}: is no room")),
                    Some(below) if below <= at => faults.push(format!("CONTRIBUTING.md: {room} → {other}: goes up")),
                    Some(_) => {}
                }
            }
        }
        let arrows = self.rooms.iter().flat_map(|(room, used)| used.iter().map(move |other| (room, other)));
        faults.extend(circle(arrows).map(|circle| format!("CONTRIBUTING.md: a circle: {circle}")));
        faults
    }
}

/// A circle among arrows, if there is one: `a → b → a`.
fn circle<'a>(arrows: impl Iterator<Item = (&'a String, &'a String)>) -> Option<String> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().insert(to);
    }
    fn walk<'a>(
        room: &'a str,
        path: &mut Vec<&'a str>,
        next: &BTreeMap<&'a str, BTreeSet<&'a str>>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<String> {
        if let Some(begin) = path.iter().position(|passed| *passed == room) {
            return Some([&path[begin..], &[room]].concat().join(" → "));
        }
        if !done.insert(room) {
            return None;
        }
        path.push(room);
        let found = next.get(room).into_iter().flatten().find_map(|to| walk(to, path, next, done));
        path.pop();
        found
    }
    let mut done = BTreeSet::new();
    next.keys().find_map(|room| walk(room, &mut Vec::new(), &next, &mut done))
}

/// A source without comments and literals, word by word, each with its line.
fn words(source: &str) -> Vec<(usize, String)> {
    let text: Vec<char> = source.chars().collect();
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut words, mut i, mut line) = (Vec::new(), 0, 1);
    while i < text.len() {
        let begin = i;
        let mut word = None;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < text.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= text.len() {
                        break;
                    }
                }
            }
            '"' => i = end_of_string(&text, i),
            // A character, or a lifetime.
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < text.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' => i += if at(i + 2) == '\'' { 3 } else { 1 },
            c if in_word(c) => {
                while in_word(at(i)) {
                    i += 1;
                }
                let hashes = (i..text.len()).take_while(|&i| at(i) == '#').count();
                let prefix: String = text[begin..i].iter().collect();
                match prefix.as_str() {
                    "r" | "br" | "cr" if at(i + hashes) == '"' => {
                        let closing: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                        let closing: Vec<char> = closing.chars().collect();
                        i += hashes + 1;
                        while i < text.len() && !text[i..].starts_with(&closing) {
                            i += 1;
                        }
                        i += closing.len();
                    }
                    "b" | "c" if at(i) == '"' => i = end_of_string(&text, i),
                    _ => word = Some(prefix),
                }
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                word = Some("::".to_owned());
            }
            c => {
                i += 1;
                word = (!c.is_whitespace()).then(|| c.to_string());
            }
        }
        words.extend(word.map(|word| (line, word)));
        line += text[begin..i.min(text.len())].iter().filter(|c| **c == '\n').count();
    }
    words
}

/// The place after a string that begins with the quote at `i`.
fn end_of_string(text: &[char], mut i: usize) -> usize {
    i += 1;
    while i < text.len() && text[i] != '"' {
        i += if text[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The rooms that a file in a module names, each with the line: `crate::room`, `crate::{room, …}`, `super::super::room`.
fn named_rooms(words: &[(usize, String)], module: &[String]) -> Vec<(usize, String)> {
    let word = |i: usize| words.get(i).map_or("", |(_, word)| word.as_str());
    let mut rooms = Vec::new();
    // Modules within the file, each with the depth of its braces.
    let (mut inner, mut depth): (Vec<(String, usize)>, usize) = (Vec::new(), 0);
    for (i, (line, here)) in words.iter().enumerate() {
        match here.as_str() {
            "{" => {
                depth += 1;
                if i >= 2 && word(i - 2) == "mod" {
                    inner.push((word(i - 1).to_owned(), depth));
                }
            }
            "}" => {
                inner.retain(|(_, at)| *at < depth);
                depth -= 1;
            }
            "crate" | "super" if word(i + 1) == "::" && (i == 0 || word(i - 1) != "::" || word(i - 2) == "self") => {
                let names = inner.iter().map(|(name, _)| name);
                let mut path: Vec<&String> = module.iter().chain(names).collect();
                let mut at = i;
                if here == "crate" {
                    path.clear();
                }
                while word(at) == "super" && word(at + 1) == "::" {
                    path.pop();
                    at += 2;
                }
                at += if here == "crate" { 2 } else { 0 };
                if let Some(room) = path.first() {
                    rooms.push((*line, (*room).clone()));
                } else if word(at) == "{" {
                    let (mut level, mut group) = (0, at);
                    loop {
                        match word(group) {
                            "{" => level += 1,
                            "}" => level -= 1,
                            name if level == 1 && matches!(word(group - 1), "{" | ",") => {
                                rooms.push((words[group].0, name.to_owned()));
                            }
                            _ => {}
                        }
                        if level == 0 {
                            break;
                        }
                        group += 1;
                    }
                } else {
                    rooms.push((*line, word(at).to_owned()));
                }
            }
            _ => {}
        }
    }
    rooms
}

/// What is wrong with a house of these source files, by their paths from the project's folder.
fn faults(map: &Map, files: &[(String, String)]) -> Vec<String> {
    let mut faults = map.faults();
    let mut arrows: BTreeSet<(String, String)> = BTreeSet::new();
    let mut lived_in = BTreeSet::new();
    for (path, source) in files {
        let words = words(source);
        let room_at = |name: &str| map.rooms.iter().find(|(room, _)| room == name);
        let parts: Vec<&str> = path.trim_start_matches("src/").trim_end_matches(".rs").split('/').collect();
        faults.extend(foreign_words(map, path, &words));
        let room = match parts.as_slice() {
            ["main" | "lib" | "reader"] => continue,
            [room, _, ..] => *room,
            _ => "",
        };
        let Some((_, allowed)) = room_at(room) else {
            faults.push(format!("{path}: is in no room of CONTRIBUTING.md's map"));
            continue;
        };
        lived_in.insert(room.to_owned());
        let module: Vec<String> = parts.iter().filter(|part| **part != "mod").map(|part| (*part).to_owned()).collect();
        for (line, other) in named_rooms(&words, &module) {
            if other == room {
                continue;
            }
            if room_at(&other).is_none() {
                faults.push(format!("{path}:{line}: {room} → {other}: is no room"));
            } else if !allowed.contains(&other) {
                faults.push(format!("{path}:{line}: {room} → {other}: is not in CONTRIBUTING.md's map"));
            }
            arrows.insert((room.to_owned(), other));
        }
    }
    for (room, _) in map.rooms.iter().filter(|(room, _)| !lived_in.contains(room)) {
        faults.push(format!("CONTRIBUTING.md: {room}: no file is in this room"));
    }
    faults.extend(circle(arrows.iter().map(|(a, b)| (a, b))).map(|circle| format!("src: a circle: {circle}")));
    faults
}

/// Words of libtorch outside `src/train`, and of `unsafe` code outside the places that the map names.
fn foreign_words(map: &Map, path: &str, words: &[(usize, String)]) -> Vec<String> {
    let safe = !map.unsafe_places.iter().any(|place| path.starts_with(place.as_str()));
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut faults = Vec::new();
    for (i, (line, word)) in words.iter().enumerate() {
        let following = words[i + 1..].iter().map(|(_, word)| word.as_str()).filter(|word| *word != "pub");
        let following: Vec<&str> = following.take(4).collect();
        match word.as_str() {
            "tch" | "torch_sys" if !path.starts_with("src/train/") => {
                faults.push(format!("{path}:{line}: {word}: only src/train knows libtorch"));
            }
            "libloading" if safe => {
                faults.push(format!(
                    "{path}:{line}: libloading: opens a library where CONTRIBUTING.md's map allows no unsafe code"
                ));
            }
            "unsafe" if safe => faults.push(format!("{path}:{line}: unsafe: not where CONTRIBUTING.md's map says")),
            "unsafe_code" if safe => {
                let module = matches!(following.as_slice(), [")", "]", "mod", _]).then(|| following[3]);
                let allowed = module.map(|module| [format!("{folder}/{module}/"), format!("{folder}/{module}.rs")]);
                if !allowed.is_some_and(|places| places.iter().any(|place| map.unsafe_places.contains(place))) {
                    faults.push(format!("{path}:{line}: allows unsafe code that CONTRIBUTING.md's map does not name"));
                }
            }
            _ => {}
        }
    }
    faults
}

fn sources(folder: &Path, name: &str, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = format!("{name}/{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            sources(&path, &name, files);
        } else if name.ends_with(".rs") {
            files.push((name, std::fs::read_to_string(&path).expect("a source")));
        }
    }
}

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a file of the project")
}

#[test]
fn every_arrow_between_rooms_goes_down_and_is_on_the_map() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "src", &mut files);
    assert!(files.len() > 50, "{} files were found", files.len());
    let map = Map::read(&read("CONTRIBUTING.md"));
    assert!(map.rooms.len() > 5 && !map.unsafe_places.is_empty(), "the map's tables were not found");
    let faults = faults(&map, &files);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_map_names_no_arrow_that_nobody_uses() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "src", &mut files);
    let map = Map::read(&read("CONTRIBUTING.md"));
    for (room, used) in &map.rooms {
        for other in used {
            let without = |(name, used): &(String, Vec<String>)| {
                let kept = used.iter().filter(|used| name != room || *used != other).cloned().collect();
                (name.clone(), kept)
            };
            let less = Map { rooms: map.rooms.iter().map(without).collect(), unsafe_places: map.unsafe_places.clone() };
            assert!(!faults(&less, &files).is_empty(), "{room} → {other}");
        }
    }
}

#[test]
fn cargo_takes_libtorch_in_for_the_feature_train_alone_and_never_for_the_program() {
    let cargo: toml::Table = read("Cargo.toml").parse().expect("TOML");
    for dependency in ["cc", "libloading", "tch", "torch-sys"] {
        let table = if dependency == "cc" { "build-dependencies" } else { "dependencies" };
        assert_eq!(cargo[table][dependency]["optional"].as_bool(), Some(true), "{dependency}");
        let feature = toml::Value::from(format!("dep:{dependency}"));
        for (name, features) in cargo["features"].as_table().expect("features") {
            let takes = features.as_array().expect("a list").contains(&feature);
            assert_eq!(takes, name == "train", "{name}: {dependency}");
        }
    }
    // The program is made of the crate that reads, which has no name for it.
    let reader: toml::Table = read("src/Cargo.toml").parse().expect("TOML");
    let names: Vec<&String> = reader["dependencies"].as_table().expect("dependencies").keys().collect();
    assert!(names.len() > 10 && !names.iter().any(|name| ["tch", "torch-sys"].contains(&name.as_str())), "{names:?}");
    assert!(reader.get("build-dependencies").is_none());
    let program = words(&read("src/main.rs"));
    assert!(program.iter().all(|(_, word)| word != "misfit"), "src/main.rs names the crate that trains");
}

/// A house of three floors and what is wrong with it once `files` are in it.
fn made_up(files: &[(&str, &str)]) -> Vec<String> {
    let map = Map::read(
        "| room | what | may use |\n| --- | --- | --- |\n| `src/top/` | a | middle, low |\n| `src/middle/` | b | low |\n\
         | `src/low/` | c | nothing |\n\n| place | what |\n| `src/middle/raw/` | the only `unsafe` code |\n",
    );
    let whole =
        [("src/main.rs", "fn main() {}"), ("src/top/mod.rs", ""), ("src/middle/mod.rs", ""), ("src/low/mod.rs", "")];
    let files = whole.iter().chain(files).map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    faults(&map, &files.collect::<Vec<_>>())
}

#[test]
fn a_house_without_fault_passes() {
    let files = [
        (
            "src/top/a.rs",
            "use crate::{low::x, middle::{y, low as other}};\nuse super::b;\nmod tests { use super::*; use super::super::b; }",
        ),
        ("src/top/deep/c.rs", "fn f() { crate::low::x(); super::super::b::g('\"', '\\'', \"crate::top\"); }"),
        (
            "src/low/d.rs",
            "// use crate::top;\n/* crate::top /* tch */ crate::top */\nconst X: &str = r#\"use \"crate::top\"#;\nfn f<'a>(x: &'a str) {}",
        ),
        ("src/middle/mod.rs", "#[allow(unsafe_code)]\nmod raw;"),
        ("src/middle/raw/mod.rs", "fn f() { unsafe { g() } }"),
    ];
    assert_eq!(made_up(&files), [""; 0]);
}

#[test]
fn whatever_goes_up_or_is_no_room_is_found_with_its_file_and_line() {
    for (path, text, fault) in [
        ("src/low/a.rs", "\nuse crate::top::x;", "src/low/a.rs:2: low → top: is not in CONTRIBUTING.md's map"),
        ("src/low/a.rs", "use crate::{\n    low::y,\n    top::x,\n};", "src/low/a.rs:3: low → top: is not"),
        ("src/middle/a.rs", "fn f() {\n    crate::top::x()\n}", "src/middle/a.rs:2: middle → top: is not"),
        ("src/middle/mod.rs", "use super::top::x;", "src/middle/mod.rs:1: middle → top: is not"),
        ("src/middle/a.rs", "use super::super::top::x;", "src/middle/a.rs:1: middle → top: is not"),
        (
            "src/low/a.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::middle::x;\n}",
            "src/low/a.rs:3: low → middle: is not",
        ),
        ("src/low/a.rs", "mod b { fn f() { super::super::super::top::x() } }", "src/low/a.rs:1: low → top: is not"),
        ("src/top/a.rs", "use crate::attic::x;", "src/top/a.rs:1: top → attic: is no room"),
        ("src/top/a.rs", "use crate::*;", "src/top/a.rs:1: top → *: is no room"),
        ("src/attic/mod.rs", "", "src/attic/mod.rs: is in no room"),
        ("src/shed.rs", "", "src/shed.rs: is in no room"),
        ("src/top/a.rs", "use tch::Tensor;", "src/top/a.rs:1: tch: only src/train"),
        ("src/top/a.rs", "use libloading::Library;", "src/top/a.rs:1: libloading: opens a library"),
        ("src/top/a.rs", "fn f() {\n unsafe { g() } }", "src/top/a.rs:2: unsafe: not where"),
        (
            "src/middle/a.rs",
            "#[allow(unsafe_code)]\nmod raw;\n#[allow(unsafe_code)]\nfn f() {}",
            "src/middle/a.rs:3: allows unsafe",
        ),
        ("src/top/mod.rs", "#[allow(unsafe_code)]\nmod raw;", "src/top/mod.rs:1: allows unsafe"),
    ] {
        let found = made_up(&[(path, text)]);
        assert!(found.iter().any(|found| found.starts_with(fault)), "{fault}\n{found:?}");
    }
}

#[test]
fn circles_are_found_between_rooms_and_in_the_map() {
    let round = [
        ("src/low/a.rs", "use crate::top::x;"),
        ("src/top/a.rs", "use crate::middle::x;"),
        ("src/middle/a.rs", "use crate::low::x;"),
    ];
    let found = made_up(&round);
    assert!(found.contains(&"src: a circle: low → top → middle → low".to_owned()), "{found:?}");
    let map = Map::read("| `src/a/` | x | b |\n| `src/b/` | x | a |\n| `src/c/` | x | attic |");
    let found = map.faults();
    for fault in ["b → a: goes up", "a circle: a → b → a", "c → attic: is no room"] {
        assert!(found.iter().any(|found| found.ends_with(fault)), "{fault}\n{found:?}");
    }
}

#[test]
fn a_room_that_nobody_is_in_is_found() {
    let map = Map::read("| `src/a/` | x | nothing |");
    assert_eq!(faults(&map, &[]), ["CONTRIBUTING.md: a: no file is in this room"]);
}
