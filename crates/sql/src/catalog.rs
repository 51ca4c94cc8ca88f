//! Databases, tables and views of a session.
//!
//! One catalog, `default_catalog`, with `default_database` in it. Names are case-sensitive, as in
//! Flink. Definitions are kept as they were parsed; binding happens when they are used.

use std::collections::BTreeMap;

use millstream_core::{Code, Error, Result, suggest};

use crate::ast::{ColumnDef, ParsedQuery, PrimaryKey, QualifiedName, Watermark};

/// Name of the only catalog.
pub const CATALOG: &str = "default_catalog";
/// Name of the database that is always there.
pub const DATABASE: &str = "default_database";

/// All definitions of a session.
#[derive(Clone, Debug)]
pub struct Catalog {
    databases: BTreeMap<String, Database>,
    current: String,
}

/// A database.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// Its comment.
    pub comment: Option<String>,
    objects: BTreeMap<String, Object>,
}

/// Something with a name in a database.
#[derive(Clone, Debug)]
pub enum Object {
    /// A table.
    Table(Box<TableDef>),
    /// A view.
    View(Box<ViewDef>),
}

/// A table as it was defined; what LIKE brought in is already part of it.
#[derive(Clone, Debug)]
pub struct TableDef {
    /// TEMPORARY.
    pub temporary: bool,
    /// Columns in order.
    pub columns: Vec<ColumnDef>,
    /// WATERMARK FOR.
    pub watermark: Option<Watermark>,
    /// PRIMARY KEY.
    pub primary_key: Option<PrimaryKey>,
    /// PARTITIONED BY.
    pub partitioned_by: Vec<String>,
    /// COMMENT.
    pub comment: Option<String>,
    /// WITH.
    pub options: BTreeMap<String, String>,
}

/// A view as it was defined.
#[derive(Clone, Debug)]
pub struct ViewDef {
    /// TEMPORARY.
    pub temporary: bool,
    /// New names of the query's columns; empty keeps them.
    pub columns: Vec<String>,
    /// COMMENT.
    pub comment: Option<String>,
    /// The query.
    pub query: ParsedQuery,
}

/// The full name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectPath {
    /// Its database.
    pub database: String,
    /// Its own name.
    pub name: String,
}

impl ObjectPath {
    /// The name as messages write it: without the default database.
    pub fn short(&self) -> String {
        if self.database == DATABASE {
            return self.name.clone();
        }
        format!("{}.{}", self.database, self.name)
    }
}

impl Object {
    /// `table` or `view`.
    pub fn kind(&self) -> &'static str {
        match self {
            Object::Table(_) => "table",
            Object::View(_) => "view",
        }
    }

    /// TEMPORARY.
    pub fn is_temporary(&self) -> bool {
        match self {
            Object::Table(table) => table.temporary,
            Object::View(view) => view.temporary,
        }
    }
}

impl Default for Catalog {
    fn default() -> Self {
        let databases = BTreeMap::from([(DATABASE.to_string(), Database::default())]);
        Catalog {
            databases,
            current: DATABASE.to_string(),
        }
    }
}

impl Catalog {
    /// The current database.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Names of the databases.
    pub fn databases(&self) -> impl Iterator<Item = &str> {
        self.databases.keys().map(String::as_str)
    }

    /// The database of this name.
    pub fn database(&self, name: &str) -> Result<&Database> {
        self.databases.get(name).ok_or_else(|| {
            let error = Error::new(Code::UnknownTable, format!("unknown database '{name}'"));
            match suggest::hint(name, self.databases()) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    }

    /// Makes a database the current one.
    pub fn use_database(&mut self, name: &str) -> Result<()> {
        self.database(name)?;
        self.current = name.to_string();
        Ok(())
    }

    /// Adds a database.
    pub fn create_database(&mut self, name: &str, comment: Option<String>) -> Result<()> {
        if self.databases.contains_key(name) {
            return Err(taken("database", name));
        }
        let database = Database {
            comment,
            objects: BTreeMap::new(),
        };
        self.databases.insert(name.to_string(), database);
        Ok(())
    }

    /// Removes a database; with objects in it only if `cascade`.
    pub fn drop_database(&mut self, name: &str, cascade: bool) -> Result<()> {
        let database = self.database(name)?;
        if name == self.current {
            return Err(Error::new(
                Code::InvalidSchema,
                format!("database '{name}' is the current one"),
            )
            .hint("USE another database first"));
        }
        if !database.objects.is_empty() && !cascade {
            return Err(Error::new(
                Code::InvalidSchema,
                format!(
                    "database '{name}' has {} tables or views",
                    database.objects.len()
                ),
            )
            .hint("DROP DATABASE .. CASCADE drops them too"));
        }
        self.databases.remove(name);
        Ok(())
    }

    /// The full name of an object.
    pub fn path(&self, name: &QualifiedName) -> Result<ObjectPath> {
        let parts: Vec<&str> = name.parts.iter().map(|part| part.value.as_str()).collect();
        self.path_of(&parts)
    }

    /// The full name of an object given by one to three parts.
    pub fn path_of(&self, parts: &[&str]) -> Result<ObjectPath> {
        let (database, name) = match parts {
            [name] => (self.current.as_str(), *name),
            [database, name] | [CATALOG, database, name] => (*database, *name),
            [catalog, ..] => {
                return Err(
                    Error::new(Code::UnknownTable, format!("unknown catalog '{catalog}'"))
                        .hint(format!("there is one catalog, '{CATALOG}'")),
                );
            }
            [] => return Err(Error::internal("a name without parts")),
        };
        Ok(ObjectPath {
            database: database.to_string(),
            name: name.to_string(),
        })
    }

    /// The object at `path`; `None` if there is none.
    pub fn find(&self, path: &ObjectPath) -> Option<&Object> {
        self.databases.get(&path.database)?.objects.get(&path.name)
    }

    /// The object at `path`, or an error that names its neighbours.
    pub fn get(&self, path: &ObjectPath) -> Result<&Object> {
        let database = self.database(&path.database)?;
        database.objects.get(&path.name).ok_or_else(|| {
            let error = Error::new(
                Code::UnknownTable,
                format!("unknown table or view '{}'", path.short()),
            );
            match suggest::hint(&path.name, database.objects.keys().map(String::as_str)) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    }

    /// Adds an object; the name must be free.
    pub fn create(&mut self, path: &ObjectPath, object: Object) -> Result<()> {
        if let Some(known) = self.find(path) {
            return Err(taken(known.kind(), &path.short()));
        }
        self.database(&path.database)?;
        self.replace(path, object);
        Ok(())
    }

    /// Puts an object in place of the one of the same name.
    pub fn replace(&mut self, path: &ObjectPath, object: Object) {
        if let Some(database) = self.databases.get_mut(&path.database) {
            database.objects.insert(path.name.clone(), object);
        }
    }

    /// Takes an object out.
    pub fn remove(&mut self, path: &ObjectPath) -> Option<Object> {
        self.databases
            .get_mut(&path.database)?
            .objects
            .remove(&path.name)
    }

    /// Names and objects of a database, sorted by name.
    pub fn objects(&self, database: &str) -> Result<impl Iterator<Item = (&str, &Object)>> {
        let objects = &self.database(database)?.objects;
        Ok(objects.iter().map(|(name, object)| (name.as_str(), object)))
    }
}

fn taken(kind: &str, name: &str) -> Error {
    Error::new(
        Code::AlreadyExists,
        format!("{kind} '{name}' already exists"),
    )
    .hint("DROP it first, or say IF NOT EXISTS")
}
