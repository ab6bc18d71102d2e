//! Reading of `config.pbtxt`: protobuf's text format, without a schema.
//!
//! Written here because the parser in the tree (`prost-reflect`) needs the compiled schema at run time and refuses the form
//! `input [ … ]` that Triton's configurations use; all that is needed are a few fields by their names.

use anyhow::{Context, Result, bail, ensure};

/// A message: its fields in their order, repeated ones several times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message(Vec<(String, Value)>);

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number, a word or a text without its quotation marks.
    Text(String),
    /// A message.
    Message(Message),
}

impl Message {
    /// Reads a file's text.
    pub fn read(text: &str) -> Result<Self> {
        let mut tokens = tokens(text)?.into_iter().peekable();
        let message = fields(&mut tokens)?;
        ensure!(tokens.next().is_none(), "there is a }} too many");
        Ok(message)
    }

    /// The values of a field.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Value> {
        let name = name.to_owned();
        self.0
            .iter()
            .filter(move |(field, _)| *field == name)
            .map(|(_, value)| value)
    }

    /// The messages of a field.
    pub fn messages<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Message> {
        self.all(name).filter_map(|value| match value {
            Value::Message(message) => Some(message),
            Value::Text(_) => None,
        })
    }

    /// The texts of a field.
    pub fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all(name).filter_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Message(_) => None,
        })
    }

    /// The text of a field, if it has one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts(name).last()
    }

    /// The text of a field as a number; `default` without the field.
    pub fn number(&self, name: &str, default: i64) -> Result<i64> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        text.parse()
            .with_context(|| format!("{name} is {text}, expected a number"))
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Mark(char),
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<Token>>;

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            '#' => while rest.next().is_some_and(|letter| letter != '\n') {},
            '{' | '}' | '[' | ']' => tokens.push(Token::Mark(first)),
            ':' | ',' | ';' => {}
            '"' | '\'' => {
                let mut text = String::new();
                loop {
                    match rest.next().context("a text has no end")? {
                        letter if letter == first => break,
                        '\\' => text.push(rest.next().context("a text has no end")?),
                        letter => text.push(letter),
                    }
                }
                tokens.push(Token::Text(text));
            }
            space if space.is_whitespace() => {}
            letter => {
                let mut word = String::from(letter);
                while let Some(letter) = rest.next_if(|letter| letter.is_alphanumeric() || "_.+-".contains(*letter)) {
                    word.push(letter);
                }
                tokens.push(Token::Text(word));
            }
        }
    }
    Ok(tokens)
}

fn fields(tokens: &mut Tokens) -> Result<Message> {
    let mut message = Message::default();
    while let Some(Token::Text(name)) = tokens.next_if(|token| matches!(token, Token::Text(_))) {
        let is_list = tokens.next_if_eq(&Token::Mark('[')).is_some();
        while !(is_list && tokens.next_if_eq(&Token::Mark(']')).is_some()) {
            message.0.push((name.clone(), value(tokens, &name)?));
            if !is_list {
                break;
            }
        }
    }
    Ok(message)
}

fn value(tokens: &mut Tokens, name: &str) -> Result<Value> {
    match tokens.next() {
        Some(Token::Text(text)) => Ok(Value::Text(text)),
        Some(Token::Mark('{')) => {
            let message = fields(tokens)?;
            ensure!(tokens.next() == Some(Token::Mark('}')), "{name} has no }}");
            Ok(Value::Message(message))
        }
        _ => bail!("{name} has no value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_every_form() {
        let text = r#"
            name: "m" # a comment with { and "
            max_batch_size: 32
            input [ { name: "a" data_type: TYPE_FP32 dims: [ 3, -1 ] }, { name: 'b' dims: 1 dims: 2 } ]
            dynamic_batching { }
            parameters { key: "k" value: { string_value: "1/255" } }
            parameters [ { key: "q" value { string_value: "a \"b\"" } } ]
        "#;
        let message = Message::read(text).unwrap();
        assert_eq!(message.text("name"), Some("m"));
        assert_eq!(message.number("max_batch_size", 0).unwrap(), 32);
        assert_eq!(message.number("absent", 7).unwrap(), 7);
        let dims: Vec<Vec<_>> = message
            .messages("input")
            .map(|input| input.texts("dims").collect())
            .collect();
        assert_eq!(dims, [vec!["3", "-1"], vec!["1", "2"]]);
        let values: Vec<_> = message
            .messages("parameters")
            .filter_map(|parameter| parameter.messages("value").next()?.text("string_value"))
            .collect();
        assert_eq!(values, ["1/255", "a \"b\""]);
        assert_eq!(message.messages("dynamic_batching").count(), 1);
    }

    #[test]
    fn what_is_no_configuration_is_an_error() {
        for text in ["a {", "a: \"b", "a: }", "a { } }", "a: [ 1", "a"] {
            assert!(Message::read(text).is_err(), "{text}");
        }
        assert!(Message::read("a: b").unwrap().number("a", 0).is_err());
    }
}
