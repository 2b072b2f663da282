//! Words as a shell reads them, for commands that are named in messages.

use crate::text::one_line;

/// A word as a POSIX shell reads it. A control character, which no shell's quotes make safe to print, is escaped.
pub fn quoted(word: &str) -> String {
    one_line(&shlex::try_quote(word).unwrap_or(word.into()))
}

/// A command line of these words.
pub fn command(words: &[impl AsRef<str>]) -> String {
    words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_every_quoted_word_as_it_was() {
        for word in
            ["mine.toml", "my file.toml", "it's", "say \"x\"", "a#b", "#b", "$HOME", "`ls`", "*", "x²", "", "a;b"]
        {
            let script = format!("printf %s {}", quoted(word));
            let ran = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh");
            assert_eq!(String::from_utf8_lossy(&ran.stdout), word, "{script}");
        }
        assert_eq!(quoted("results/mine"), "results/mine");
        assert!(!quoted("a\u{1b}[31m\nb").contains(char::is_control));
    }
}
