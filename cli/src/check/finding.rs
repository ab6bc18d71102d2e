//! What a check has found: a list for people, or JSON.

use std::fmt;

use serde::Serialize;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// It works, and may not be meant.
    Warning,
    /// It does not work.
    Failed,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it went.
    pub verdict: Verdict,
    /// What was checked: a tenant, a server, or `shopfloor`.
    pub subject: String,
    /// What was found.
    pub text: String,
    /// What to do; none if it is well.
    pub remedy: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn ok(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, subject.into(), text.into(), None)
    }

    /// It works, and may not be meant.
    pub fn warning(subject: impl Into<String>, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Verdict::Warning, subject.into(), text.into(), Some(remedy.into()))
    }

    /// It does not work.
    pub fn failed(subject: impl Into<String>, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Verdict::Failed, subject.into(), text.into(), Some(remedy.into()))
    }

    /// It does not work, by an error whose text ends with the remedy after a semicolon; `otherwise` is the remedy of others.
    pub fn error(subject: impl Into<String>, error: &dyn fmt::Display, otherwise: &str) -> Self {
        let text = error.to_string();
        match text.rsplit_once("; ") {
            Some((text, remedy)) => Self::failed(subject, text, remedy),
            None => Self::failed(subject, text, otherwise),
        }
    }

    fn new(verdict: Verdict, subject: String, text: String, remedy: Option<String>) -> Self {
        Self {
            verdict,
            subject,
            text,
            remedy,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Ok => '✓',
            Verdict::Warning => '!',
            Verdict::Failed => '✗',
        };
        write!(f, "{mark} {}: {}", self.subject, self.text.replace('\n', "\n  "))?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  → {remedy}"),
            None => Ok(()),
        }
    }
}

/// All findings.
#[derive(Serialize)]
pub struct Report {
    /// Whether nothing has failed.
    pub ok: bool,
    /// In the order in which they are printed.
    pub checks: Vec<Finding>,
}

impl Report {
    pub fn new(checks: Vec<Finding>) -> Self {
        let ok = checks.iter().all(|finding| finding.verdict != Verdict::Failed);
        Self { ok, checks }
    }
}

impl fmt::Display for Report {
    /// The list and a line in sum.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.checks {
            writeln!(f, "{finding}")?;
        }
        let count = |verdict| self.checks.iter().filter(|finding| finding.verdict == verdict).count();
        let warnings = match count(Verdict::Warning) {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            several => format!(", {several} warnings"),
        };
        match count(Verdict::Failed) {
            0 => write!(f, "all is well{warnings}"),
            failed => write!(f, "{failed} of {} checks failed{warnings}", self.checks.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_list_has_marks_and_remedies() {
        let report = Report::new(vec![
            Finding::ok("shopfloor", "five elements"),
            Finding::warning("hall", "no station is watched", "draw one"),
            Finding::error("yard", &"cannot read it: no such file; correct the path", "look"),
            Finding::error("yard", &"two\nlines", "look"),
        ]);
        expect![[r#"
            ✓ shopfloor: five elements
            ! hall: no station is watched
              → draw one
            ✗ yard: cannot read it: no such file
              → correct the path
            ✗ yard: two
              lines
              → look
            2 of 4 checks failed, 1 warning"#]]
        .assert_eq(&report.to_string());
        assert!(!report.ok);
        expect![[r#"{"ok":false,"checks":[{"verdict":"ok","subject":"shopfloor","text":"five elements","remedy":null},{"verdict":"warning","subject":"hall","text":"no station is watched","remedy":"draw one"},{"verdict":"failed","subject":"yard","text":"cannot read it: no such file","remedy":"correct the path"},{"verdict":"failed","subject":"yard","text":"two\nlines","remedy":"look"}]}"#]].assert_eq(&serde_json::to_string(&report).unwrap());
    }

    #[test]
    fn warnings_are_well() {
        let report = Report::new(vec![Finding::warning("hall", "odd", "look")]);
        assert!(report.ok);
        expect![[r#"
            ! hall: odd
              → look
            all is well, 1 warning"#]]
        .assert_eq(&report.to_string());
    }
}
