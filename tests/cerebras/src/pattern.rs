//! Text that matches a simple regular expression: literals, classes, groups, alternatives and repetitions.

use crate::seed::Dice;

/// Repetitions without an upper bound end here.
const MORE: usize = 3;
/// Repetitions that are made at most, whatever is asked for.
const MOST: usize = 1000;

#[derive(Clone, Debug)]
enum Node {
    Letters(Vec<char>),
    Group(Vec<Vec<Node>>),
    Repeat(Box<Node>, usize, usize),
}

/// A text that the whole pattern matches; `None` when the pattern has something that isn't known here.
pub fn make(pattern: &str, dice: &mut Dice) -> Option<String> {
    let mut reader = Reader { rest: pattern.chars().collect::<Vec<_>>(), at: 0 };
    let choices = reader.choices(0)?;
    if reader.at != reader.rest.len() {
        return None;
    }
    let mut text = String::new();
    write(&Node::Group(choices), dice, &mut text);
    Some(text)
}

fn write(node: &Node, dice: &mut Dice, text: &mut String) {
    match node {
        Node::Letters(letters) => text.extend(letters.get(dice.below(letters.len()))),
        Node::Group(choices) => {
            for part in dice.pick(choices) {
                write(part, dice, text);
            }
        }
        Node::Repeat(inner, low, high) => {
            for _ in 0..dice.between(*low, *high).min(MOST) {
                write(inner, dice, text);
            }
        }
    }
}

struct Reader {
    rest: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(letter)
    }

    fn choices(&mut self, depth: usize) -> Option<Vec<Vec<Node>>> {
        if depth > 20 {
            return None;
        }
        let mut choices = vec![Vec::new()];
        while let Some(letter) = self.peek() {
            let node = match letter {
                ')' => break,
                '|' => {
                    self.at += 1;
                    choices.push(Vec::new());
                    continue;
                }
                // Anchors: the whole text is made from the pattern anyway.
                '^' | '$' => {
                    self.at += 1;
                    continue;
                }
                '(' => self.group(depth)?,
                '[' => self.class()?,
                '.' => {
                    self.at += 1;
                    Node::Letters(('a'..='z').collect())
                }
                '\\' => {
                    self.at += 1;
                    Node::Letters(escaped(self.take()?)?)
                }
                '*' | '+' | '?' | '{' => return None,
                _ => {
                    self.at += 1;
                    Node::Letters(vec![letter])
                }
            };
            let node = self.repeated(node)?;
            choices.last_mut()?.push(node);
        }
        Some(choices)
    }

    fn group(&mut self, depth: usize) -> Option<Node> {
        self.at += 1;
        if self.peek() == Some('?') {
            self.at += 1;
            // Only groups that don't capture; looking around is beyond this.
            if self.take()? != ':' {
                return None;
            }
        }
        let choices = self.choices(depth + 1)?;
        (self.take()? == ')').then_some(Node::Group(choices))
    }

    fn class(&mut self) -> Option<Node> {
        self.at += 1;
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut letters = Vec::new();
        loop {
            let letter = match self.take()? {
                ']' if !letters.is_empty() => break,
                '\\' => {
                    letters.extend(escaped(self.take()?)?);
                    continue;
                }
                letter => letter,
            };
            match (self.peek(), self.rest.get(self.at + 1).copied()) {
                (Some('-'), Some(last)) if last != ']' && last != '\\' => {
                    self.at += 2;
                    letters.extend((letter..=last).take(256));
                }
                _ => letters.push(letter),
            }
        }
        if negated {
            letters = (' '..='~').filter(|letter| !letters.contains(letter)).collect();
        }
        (!letters.is_empty()).then_some(Node::Letters(letters))
    }

    fn repeated(&mut self, node: Node) -> Option<Node> {
        let (low, high) = match self.peek() {
            Some('*') => (0, MORE),
            Some('+') => (1, MORE),
            Some('?') => (0, 1),
            Some('{') => {
                let length = self.rest[self.at..].iter().position(|letter| *letter == '}')?;
                let inside: String = self.rest[self.at + 1..self.at + length].iter().collect();
                self.at += length;
                match inside.split_once(',') {
                    None => (inside.parse().ok()?, inside.parse().ok()?),
                    Some((low, "")) => (low.parse().ok()?, low.parse::<usize>().ok()?.saturating_add(MORE)),
                    Some((low, high)) => (low.parse().ok()?, high.parse().ok()?),
                }
            }
            _ => return Some(node),
        };
        self.at += 1;
        if self.peek() == Some('?') {
            self.at += 1;
        }
        (low <= high).then(|| Node::Repeat(Box::new(node), low, high))
    }
}

fn escaped(letter: char) -> Option<Vec<char>> {
    Some(match letter {
        'd' => ('0'..='9').collect(),
        'w' => ('a'..='z').chain('A'..='Z').chain('0'..='9').collect(),
        's' => vec![' '],
        'n' => vec!['\n'],
        't' => vec!['\t'],
        _ if letter.is_ascii_alphanumeric() => return None,
        _ => vec![letter],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(pattern: &str) -> String {
        make(pattern, &mut Dice::new(11)).unwrap()
    }

    #[test]
    fn common_patterns() {
        let plate = made("^[A-Z]{2}-\\d{4}$");
        assert_eq!(plate.len(), 7);
        assert!(plate[..2].bytes().all(|letter| letter.is_ascii_uppercase()) && plate[3..].bytes().all(|digit| digit.is_ascii_digit()));
        assert!(["cat", "dog"].contains(&made("^(?:cat|dog)$").as_str()));
        assert!(made("a+").starts_with('a'));
        assert_eq!(made("\\.\\/x{3}"), "./xxx");
        assert!(!made("[^a-z]{5}").contains(|letter: char| letter.is_ascii_lowercase()));
        assert!((2..=4).contains(&made("[ab-]{2,4}").len()));
    }

    #[test]
    fn what_is_unknown_is_left() {
        for pattern in ["(?=x)", "\\bword", "[a", "(a", "*", "a{x}", "a)"] {
            assert_eq!(make(pattern, &mut Dice::new(1)), None, "{pattern}");
        }
    }
}
