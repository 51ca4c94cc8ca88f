//! The crate rows: a crate depends only on crates of lower rows, and of those only on the ones it
//! was granted.
//!
//! ```text
//! top  millstream                                    sees everything
//!  4   runtime    connectors                         effects
//!  3   sql        operators  state                   rows in, rows out; what is kept
//!  2   plan       formats    functions  sim  faultkit     data and values
//!  1   core       protocol                           words and traits; decisions
//! ```
//!
//! Every crate may use `sim` and `faultkit` in its tests and neither elsewhere. `tests` and `xtask`
//! are programs around the house and may use what they like.
//! Decision: `docs/adr/0001-crate-rows-and-the-registry.md`.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Problem;

/// One crate of the house.
struct Rule {
    name: &'static str,
    row: u8,
    /// Crates of ours it may use.
    may_use: &'static [&'static str],
    /// Outside libraries that must stay on the other side of its wall.
    never: &'static [&'static str],
}

const ASYNC: &[&str] = &["tokio", "async-trait"];
const SQL_TEXT: &[&str] = &["tokio", "async-trait", "sqlparser", "datafusion-sql"];

static RULES: &[Rule] = &[
    Rule {
        name: "core",
        row: 1,
        may_use: &[],
        never: &["tokio", "datafusion-common"],
    },
    Rule {
        name: "protocol",
        row: 1,
        may_use: &[],
        never: &["tokio", "datafusion-common", "object_store", "rdkafka"],
    },
    Rule {
        name: "faultkit",
        row: 2,
        may_use: &["core"],
        never: &["datafusion-common"],
    },
    Rule {
        name: "sim",
        row: 2,
        may_use: &["core"],
        never: &[],
    },
    Rule {
        name: "plan",
        row: 2,
        may_use: &["core"],
        never: SQL_TEXT,
    },
    Rule {
        name: "formats",
        row: 2,
        may_use: &["core"],
        never: ASYNC,
    },
    Rule {
        name: "functions",
        row: 2,
        may_use: &["core"],
        never: SQL_TEXT,
    },
    Rule {
        name: "sql",
        row: 3,
        may_use: &["core", "plan", "functions"],
        never: ASYNC,
    },
    Rule {
        name: "operators",
        row: 3,
        may_use: &["core", "plan"],
        never: SQL_TEXT,
    },
    Rule {
        name: "runtime",
        row: 4,
        may_use: &["core", "plan", "operators", "protocol", "state"],
        never: &["sqlparser", "datafusion-sql", "object_store", "rdkafka"],
    },
    Rule {
        name: "state",
        row: 3,
        may_use: &["core", "protocol"],
        never: &["datafusion-common", "rdkafka"],
    },
    Rule {
        name: "connectors",
        row: 4,
        may_use: &["core", "state"],
        never: &["datafusion-common"],
    },
];

/// The binary: it plugs all others together, so it has no rule.
const TOP: &str = "millstream";

/// What `cargo metadata` says about one of our crates.
pub(super) struct Package {
    /// Folder below `crates/`.
    name: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    is_for_tests: bool,
}

/// Our crates, from `cargo metadata --no-deps`.
pub(super) fn packages(metadata: &Value) -> Result<Vec<Package>> {
    let packages = metadata["packages"]
        .as_array()
        .context("metadata without packages")?;
    let ours = packages
        .iter()
        .filter_map(|package| Some((crate_folder(package)?, package)));
    Ok(ours
        .map(|(name, package)| Package {
            name,
            dependencies: dependencies(package),
        })
        .collect())
}

fn crate_folder(package: &Value) -> Option<String> {
    let manifest = package["manifest_path"].as_str()?.replace('\\', "/");
    let (rest, name) = manifest.strip_suffix("/Cargo.toml")?.rsplit_once('/')?;
    rest.ends_with("/crates").then(|| name.to_string())
}

fn dependencies(package: &Value) -> Vec<Dependency> {
    let list = package["dependencies"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    list.iter()
        .filter_map(|dependency| {
            let name = dependency["name"].as_str()?.to_string();
            Some(Dependency {
                name,
                is_for_tests: dependency["kind"] == "dev",
            })
        })
        .collect()
}

/// Every dependency that goes the wrong way.
pub(super) fn check(packages: &[Package]) -> Vec<Problem> {
    packages
        .iter()
        .filter(|package| package.name != TOP)
        .flat_map(check_package)
        .collect()
}

fn check_package(package: &Package) -> Vec<Problem> {
    let place = format!("crates/{}/Cargo.toml", package.name);
    let Some(rule) = rule(&package.name) else {
        let what = format!(
            "crate '{}' has no row; give it one in xtask/src/tidy/rows.rs",
            package.name
        );
        return vec![Problem::new(place, what)];
    };
    let dependencies = package.dependencies.iter();
    dependencies
        .filter_map(|d| objection(rule, d))
        .map(|what| Problem::new(&place, what))
        .collect()
}

fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

fn objection(from: &Rule, to: &Dependency) -> Option<String> {
    let Some(ours) = to.name.strip_prefix("millstream-") else {
        let is_walled = from.never.contains(&to.name.as_str()) && !to.is_for_tests;
        return is_walled.then(|| format!("'{}' must not know '{}'", from.name, to.name));
    };
    if matches!(ours, "sim" | "faultkit") {
        let what = format!("'{}' may use '{ours}' in its tests only", from.name);
        return (!to.is_for_tests).then_some(what);
    }
    let row = rule(ours).map_or(u8::MAX, |rule| rule.row);
    if row >= from.row {
        return Some(format!(
            "'{}' (row {}) must not use '{ours}' (row {row})",
            from.name, from.row
        ));
    }
    // A test may reach for any lower row: it adds no wall that users of the crate must pass.
    let is_granted = to.is_for_tests || from.may_use.contains(&ours);
    (!is_granted).then(|| format!("'{}' was not granted '{ours}'", from.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(name: &str, dependency: &str, is_for_tests: bool) -> Vec<String> {
        let dependencies = vec![Dependency {
            name: dependency.into(),
            is_for_tests,
        }];
        let package = Package {
            name: name.into(),
            dependencies,
        };
        check(&[package])
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn a_crate_may_use_what_it_was_granted() {
        assert_eq!(
            problems("runtime", "millstream-operators", false),
            Vec::<String>::new()
        );
        assert_eq!(
            problems("millstream", "millstream-runtime", false),
            Vec::<String>::new()
        );
        assert_eq!(
            problems("plan", "millstream-sim", true),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_crate_of_its_own_row_or_above_is_refused() {
        let problem = "'sql' (row 3) must not use 'operators' (row 3)";
        assert_eq!(problems("sql", "millstream-operators", true), [problem]);
        let problem = "'core' (row 1) must not use 'plan' (row 2)";
        assert_eq!(problems("core", "millstream-plan", false), [problem]);
    }

    #[test]
    fn a_lower_crate_that_was_not_granted_is_refused_outside_tests() {
        let problem = "'connectors' was not granted 'formats'";
        assert_eq!(
            problems("connectors", "millstream-formats", false),
            [problem]
        );
        assert_eq!(
            problems("connectors", "millstream-formats", true),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_library_stays_behind_the_wall_and_sim_in_the_tests() {
        assert_eq!(
            problems("core", "tokio", false),
            ["'core' must not know 'tokio'"]
        );
        let problem = "'runtime' may use 'sim' in its tests only";
        assert_eq!(problems("runtime", "millstream-sim", false), [problem]);
    }

    #[test]
    fn a_crate_without_a_row_is_refused() {
        assert_eq!(problems("shiny", "anyhow", false).len(), 1);
    }

    #[test]
    fn rules_grant_lower_rows_only() {
        for from in RULES {
            for to in from.may_use {
                let to = rule(to).expect("a granted crate has a row");
                assert!(to.row < from.row, "{} -> {}", from.name, to.name);
            }
        }
    }
}
