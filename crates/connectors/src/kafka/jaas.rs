//! `sasl.jaas.config`, the way Java clients are told user and password.
//!
//! ```text
//! org.apache.kafka.common.security.plain.PlainLoginModule required username="ann" password="…";
//! ```
//!
//! In Java this text names a class to load, which has been a hole for running code (CVE-2023-25194).
//! Here it is only read: two login modules are known, and the text never appears in a message.

/// User and password.
#[derive(PartialEq, Eq)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: String,
}

/// The login of a configuration, or what is wrong with it, without anything that may be secret.
pub(super) fn parse(text: &str) -> Result<Login, String> {
    let text = text.trim();
    let text = text.strip_suffix(';').unwrap_or(text);
    let (module, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let known = ["plain.PlainLoginModule", "scram.ScramLoginModule"];
    if !known.iter().any(|known| module.ends_with(known)) {
        return Err("a PlainLoginModule or ScramLoginModule".to_string());
    }
    let rest = rest.trim_start();
    let Some(rest) = rest.strip_prefix("required") else {
        return Err("the word 'required' after the login module".to_string());
    };
    let mut login = (None, None);
    for (key, value) in pairs(rest)? {
        match key.as_str() {
            "username" => login.0 = Some(value),
            "password" => login.1 = Some(value),
            _ => return Err("only username and password after 'required'".to_string()),
        }
    }
    match login {
        (Some(username), Some(password)) => Ok(Login { username, password }),
        _ => Err("username=\"…\" and password=\"…\" after 'required'".to_string()),
    }
}

/// `key="value"` pairs; a quote may be written `\"`, as it is in Java sources.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let wanted = || "username=\"…\" password=\"…\"".to_string();
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=').ok_or_else(wanted)?;
        let value = value.trim_start();
        let (quote, inner) = match value {
            _ if value.starts_with("\\\"") => ("\\\"", &value[2..]),
            _ if value.starts_with('"') => ("\"", &value[1..]),
            _ if value.starts_with('\'') => ("'", &value[1..]),
            _ => return Err(wanted()),
        };
        let (value, after) = until(inner, quote).ok_or_else(wanted)?;
        pairs.push((key.trim().to_string(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// The text up to a quote that is not escaped, and what follows it.
fn until<'a>(text: &'a str, quote: &str) -> Option<(String, &'a str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix(quote) {
            return Some((value, after));
        }
        let mut characters = rest.chars();
        match characters.next()? {
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
        rest = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";

    fn login(text: &str) -> (String, String) {
        let login = parse(text).map_err(|why| panic!("{why}")).unwrap();
        (login.username, login.password)
    }

    #[test]
    fn user_and_password_are_found_however_they_are_quoted() {
        let wanted = ("ann".to_string(), "p;=\"w".to_string());
        assert_eq!(
            login(&format!(
                "{PLAIN} required username=\"ann\" password=\"p;=\\\"w\";"
            )),
            wanted
        );
        assert_eq!(
            login(&format!(
                "  {PLAIN}  required\n password = 'p;=\"w' username='ann' ; "
            )),
            wanted
        );
        let shaded =
            "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule";
        let java = format!("{shaded} required username=\\\"ann\\\" password=\\\"pw\\\";");
        assert_eq!(login(&java), ("ann".to_string(), "pw".to_string()));
    }

    #[test]
    fn other_modules_and_broken_texts_are_refused_without_showing_them() {
        let broken = [
            "com.sun.security.auth.module.JndiLoginModule required user.provider.url=\"ldap://secret\";",
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"secret\";",
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"secret password=\"secret\"",
            "org.apache.kafka.common.security.plain.PlainLoginModule optional username=\"a\" password=\"secret\";",
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"secret\" tokenauth=\"true\";",
            "",
        ];
        for text in broken {
            let why = parse(text).err().expect("it is refused");
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
